import * as oauth from "oauth4webapi";
import { type Settings, SignedOut, type SignInSettings } from "./settings.ts";

/** What has to outlive the way to the sign-in page and back. The tokens themselves stay in memory. */
interface Errand {
  verifier: string;
  state: string;
  nonce: string;
}

const ERRAND = "sign-in";
const KNOWN = "signed-in";
const EARLY_MS = 60_000;

/** Signs people in at the user pool's own page: authorization code with PKCE (RFC 7636), so that no password passes through here. */
export class SignIn {
  readonly #server: oauth.AuthorizationServer;
  readonly #client: oauth.Client;
  readonly #place = new URL("./", location.href).href;
  #token = "";
  #refreshToken: string | undefined;
  #expires = 0;
  #refreshing: Promise<string> | undefined;

  constructor(
    private readonly settings: SignInSettings,
    region: Settings["region"],
  ) {
    this.#server = {
      issuer: `https://cognito-idp.${region}.amazonaws.com/${settings.userPoolId}`,
      authorization_endpoint: `${settings.url}/oauth2/authorize`,
      token_endpoint: `${settings.url}/oauth2/token`,
    };
    this.#client = { client_id: settings.userPoolClientId };
  }

  /** Whether somebody is signed in now; ends the sign-in that the address speaks of, if it does. */
  async come(): Promise<boolean> {
    const here = new URL(location.href);
    if (!here.searchParams.has("code") && !here.searchParams.has("error")) {
      if (sessionStorage.getItem(KNOWN) === null) return false;
      await this.begin(); // the user pool knows them still, and sends them straight back
      return false;
    }
    history.replaceState(null, "", here.pathname); // a code counts once, and is not for the history
    const errand = JSON.parse(sessionStorage.getItem(ERRAND) ?? "null") as Errand | null;
    sessionStorage.removeItem(ERRAND);
    sessionStorage.removeItem(KNOWN);
    if (!errand) return false;
    const found = oauth.validateAuthResponse(this.#server, this.#client, here, errand.state);
    const answer = await oauth.authorizationCodeGrantRequest(this.#server, this.#client, oauth.None(), found, this.#place, errand.verifier);
    const expected = { expectedNonce: errand.nonce, requireIdToken: true };
    this.#keep(await oauth.processAuthorizationCodeResponse(this.#server, this.#client, answer, expected));
    sessionStorage.setItem(KNOWN, "yes");
    return true;
  }

  /** Leaves for the sign-in page. */
  async begin(): Promise<void> {
    const errand: Errand = {
      verifier: oauth.generateRandomCodeVerifier(),
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
    };
    sessionStorage.setItem(ERRAND, JSON.stringify(errand));
    const there = new URL(this.#server.authorization_endpoint ?? "");
    there.search = new URLSearchParams({
      client_id: this.#client.client_id,
      response_type: "code",
      redirect_uri: this.#place,
      scope: "openid",
      state: errand.state,
      nonce: errand.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(errand.verifier),
      code_challenge_method: "S256",
    }).toString();
    location.assign(there);
  }

  /** Forgets who is here, on this side and on the user pool's. */
  end(): void {
    sessionStorage.clear();
    const query = new URLSearchParams({ client_id: this.#client.client_id, logout_uri: this.#place });
    location.assign(`${this.settings.url}/logout?${query}`);
  }

  /** The ID token, fresh. */
  async idToken(): Promise<string> {
    if (Date.now() < this.#expires - EARLY_MS || this.#refreshToken === undefined) return this.#token;
    this.#refreshing ??= this.#refresh(this.#refreshToken).finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #refresh(token: string): Promise<string> {
    const answer = await oauth.refreshTokenGrantRequest(this.#server, this.#client, oauth.None(), token);
    try {
      this.#keep(await oauth.processRefreshTokenResponse(this.#server, this.#client, answer));
    } catch (error) {
      throw new SignedOut("the user pool gave no new token", { cause: error });
    }
    return this.#token;
  }

  #keep(given: oauth.TokenEndpointResponse): void {
    this.#token = given.id_token ?? "";
    this.#refreshToken = given.refresh_token ?? this.#refreshToken;
    this.#expires = Date.now() + (given.expires_in ?? 0) * 1000;
  }
}
