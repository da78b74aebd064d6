/** What the page has to know of where it stands: `config.json` beside it, written where the page was put. */
export interface Settings {
  /** The chat endpoint. */
  url: string;
  region: string;
  /** How people sign in; absent on one's own machine. */
  signIn?: SignInSettings;
  /** Whether the server of this page lends credentials, as `make serve` does. */
  local?: boolean;
}

export interface SignInSettings {
  /** The sign-in page's address, such as `https://chat-1.auth.us-east-1.amazoncognito.com`. */
  url: string;
  userPoolId: string;
  userPoolClientId: string;
  identityPoolId: string;
}

/** The user pool does not know the person any more: their sign-in has ended. */
export class SignedOut extends Error {
  override name = "SignedOut";
}

export async function settings(): Promise<Settings> {
  const answer = await fetch("./config.json", { cache: "no-cache" });
  if (!answer.ok) throw new Error(`The page's config.json is not there (HTTP ${answer.status}).`);
  return (await answer.json()) as Settings;
}
