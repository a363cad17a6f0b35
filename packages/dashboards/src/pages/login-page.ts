import { type Html, html } from "./html.ts";

/** Where nobody is logged in. `problem` says why the last try did not do. */
export const loginPage = ({
  next,
  problem,
}: {
  next: string;
  problem: string | null;
}): Html => html`<section class="login">
<h1>Locum</h1>
<p>These pages need a token with the role viewer or more: the collector's token file has one. The browser gets a
session in its stead and keeps no token.</p>
${problem !== null && html`<p class="bad" role="alert">${problem}</p>\n`}<form method="post" action="/login">
<input type="hidden" name="next" value="${next}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="off" required maxlength="8192">
<button type="submit">Log in</button>
</form>
<p class="quiet"><code>locum console</code> prints an address that logs you in, once.</p>
</section>
`;

/** After a login by an address: the browser goes on by itself. */
export const welcomePage = (next: string): Html => html`<section class="login">
<h1>Locum</h1>
<p>You are logged in. <a href="${next}">Go on</a></p>
</section>
`;
