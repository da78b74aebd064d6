// Who is watching: read from config.json, which stands beside the page.

import type { CredentialsProvider } from "streaming-client";

/** What the page is told. None of it is secret. */
export interface Config {
  url: string;
  region: string;
  /** Where this machine's own server hands out credentials. */
  credentials?: string;
}

export async function readConfig(): Promise<Config> {
  const answer = await fetch("./config.json");
  if (!answer.ok) throw new Error(`config.json cannot be read (${answer.status}).`);
  return (await answer.json()) as Config;
}

export async function access(_config: Config): Promise<CredentialsProvider | undefined> {
  return undefined;
}
