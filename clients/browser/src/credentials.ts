/** One consistent set of AWS credentials. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** When they stop working. Without it they are asked for once. */
  expiration?: Date;
}

/** Gives credentials. Asked before a request is signed, when there are none or when these expire within 5 minutes. */
export type CredentialsProvider = () => Promise<Credentials>;

const EARLY_MS = 5 * 60 * 1000;

/** Asks `provider` once for all who wait, and again when what it gave is about to expire, or when it failed. */
export const cached = (provider: CredentialsProvider): CredentialsProvider => {
  let asked: Promise<Credentials> | undefined;
  let until = Infinity;
  return () => {
    if (!asked || Date.now() > until) {
      until = Infinity;
      const asking = (asked = provider());
      asking.then(
        ({ expiration }) => expiration && (until = +expiration - EARLY_MS),
        () => (asked = undefined),
      );
    }
    return asked;
  };
};
