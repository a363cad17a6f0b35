/**
 * Whether a setting looks like a secret, by its name or by what it holds. A wrong yes costs one setting in a snapshot,
 * a wrong no puts a key into storage that lives for years: so it says yes to what it does not know.
 */
export function looksSecret(name: string, value: string): boolean {
  return isSecretName(name) || isSecretValue(value);
}

const secretWords =
  /(^|[^a-z])(pass|passwd|password|passphrase|pwd|secrets?|tokens?|auth|authorization|bearer|cookie|credentials?|creds?|salt|dsn|pat|jwt|sas|private|kek|webhook)([^a-z]|$)|(api|access|secret|private|encryption|signing|service|account|master|storage|ssh|host|session|license)[^a-z]*keys?([^a-z]|$)|(^|[^a-z])keys?$|connection[^a-z]*str/;

/** `apiKey`, `API_KEY`, `--api-key` and `HF_TOKEN` alike. What counts tokens of text is none. */
function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(
      /(max|num|min|total|special|batched|new|stop|pad|eos|bos|unk|predict)[_-](\w+[_-])?tokens?\b/g,
      "",
    );
  return secretWords.test(words) || /(password|passwd|secret|apikey|authtoken|accesstoken)/.test(words);
}

const shapes: readonly RegExp[] = [
  // Keys of services that mark their own: cloud providers, code and model hubs, chat and payment services.
  /\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b/,
  /\b(sk|pk|rk)[-_](live|test|proj|ant|or)?[-_]?[A-Za-z0-9_-]{16,}/,
  /\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}/,
  /\b(hf|nvapi|gsk|xai|npm|dop_v1|dckr_pat|shpat|r8|pypi|lin_api|dapi|sq0\w{3}|hvs|hvb|s)[-_.][A-Za-z0-9_-]{20,}/,
  /\bxox[abeoprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\bya29\.[\w-]{20,}|\bSG\.[\w-]{16,}\.[\w-]{16,}/,
  /\beyJ[\w-]{8,}\.[\w-]{8,}/,
  /-----BEGIN [A-Z0-9 ]*(PRIVATE KEY|CERTIFICATE)/,
  /\bAGE-SECRET-KEY-1|\b(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/]/,
  // A user and password, or a password alone, in a URL; parameters of a signed one.
  /[a-z][a-z0-9+.-]*:\/\/[^\s/?#]*:[^\s/?#]*@/i,
  /[?&;](password|pwd|passwd|token|secret|key|api_?key|sig|signature|access_token|x-amz-signature|sv)=/i,
  /\b(password|pwd|accountkey|sharedaccesskey|secret|token|api[_-]?key)\s*[=:]\s*\S/i,
  /\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}/i,
  /hooks\.slack\.com\/|discord(app)?\.com\/api\/webhooks\//i,
];

function isSecretValue(value: string): boolean {
  // A digest that says what it is names what is served, and is as random as a key.
  const rest = value.replace(/\bsha(256|384|512)[:-][0-9a-f]{64,128}\b/g, "");
  return shapes.some((shape) => shape.test(rest)) || rest.split(/[\s,;=:"'/\\]+/).some(isRandom);
}

/** A long run of letters and digits that no one would type, or of hex digits. */
function isRandom(word: string): boolean {
  if (word.length < 20 || !/^[A-Za-z0-9+_.~-]+$/.test(word)) return false;
  if (/[0-9a-f]{32}/i.test(word)) return true;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/].filter((kind) => kind.test(word)).length;
  return kinds === 3 && entropyBits(word) > 3.5 && !/^[A-Za-z]+([-_.][A-Za-z0-9]+)+$/.test(word);
}

/** Shannon's entropy of the letters of a word, in bits a letter. */
function entropyBits(word: string): number {
  const counts = new Map<string, number>();
  for (const letter of word) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / word.length) * Math.log2(count / word.length);
  return bits;
}
