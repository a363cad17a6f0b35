import { type Html, html } from "./html.ts";

/** A labelled choice of one value or all. A value that is not offered any more stays choosable: it came by the URL. */
export function selectField({
  name,
  label,
  value,
  options,
  all,
}: {
  name: string;
  label: string;
  value: string;
  options: readonly (string | readonly [value: string, label: string])[];
  all: string;
}): Html {
  const pairs = options.map((one) => (typeof one === "string" ? ([one, one] as const) : one));
  const offered =
    value === "" || pairs.some(([known]) => known === value) ? pairs : [...pairs, [value, value]];
  return html`<div><label for="field-${name}">${label}</label>
<select id="field-${name}" name="${name}"><option value="">${all}</option>${offered.map(
    ([known, text]) => html`<option value="${known}"${known === value && html` selected`}>${text}</option>`,
  )}</select></div>
`;
}
