import { asObject, asText } from "./dialects/reader.ts";
import { AccessDenied, HttpError, Throttled } from "./errors.ts";

const LONGEST_BODY = 64 * 1024;
const LONGEST_MESSAGE = 1000;
const PERMISSION = /(?:perform:? \[?|policy allows the )(lambda:InvokeFunction(?:Url)?)\b/;

/** The id under which AWS knows a request: Lambda's, else API Gateway's, else CloudFront's; as far as CORS lets a page see it. */
export const requestIdOf = ({ headers }: Response): string | undefined =>
  ["x-amzn-requestid", "x-amz-request-id", "x-amz-apigw-id", "x-amz-cf-id"]
    .map((name) => headers.get(name) ?? undefined)
    .find(Boolean);

/** The error for an answer outside 200 to 299, whatever shape the server said it in. */
export const refusal = async (answer: Response): Promise<HttpError> => {
  const error = await read(answer);
  error.requestId = requestIdOf(answer);
  return error;
};

const read = async (answer: Response): Promise<HttpError> => {
  const { status, headers } = answer;
  const body = await beginning(answer);
  let code = "";
  let said = "";
  try {
    const value: unknown = JSON.parse(body);
    const whole = asObject(value);
    const inner = asText(whole.error)
      ? { code: whole.error, message: whole.error_description || whole.message || whole.error }
      : asObject(whole.error ?? whole);
    code = asText(inner.code || inner.type || inner.__type || inner.Type || inner.errorType);
    said = asText(inner.message || inner.Message || inner.errorMessage || inner.detail) || asText(value);
  } catch {
    if (!/^\s*</.test(body)) said = body;
  }
  said = said.replace(/\s+/g, " ").trim();
  if (said.length > LONGEST_MESSAGE) said = `${said.slice(0, LONGEST_MESSAGE)}...`;
  code ||= headers.get("x-amzn-errortype")?.split(":")[0] || `HTTP_${status}`;
  if (status == 403) {
    const missing = PERMISSION.exec(said)?.[1];
    const lacks = missing
      ? `; the caller lacks ${missing}`
      : code == "AccessDeniedException"
        ? "; the caller may lack lambda:InvokeFunctionUrl or lambda:InvokeFunction"
        : "";
    const denied = new AccessDenied(code, `access denied: ${said || SILENT}${lacks}`, status);
    if (missing) denied.missingPermission = missing;
    return denied;
  }
  if (status == 429) {
    const throttled = new Throttled(code, `throttled: ${said || SILENT}`, status);
    const wait = headers.get("retry-after");
    const seconds = wait && (/^[\d.]+$/.test(wait) ? +wait : Math.max(0, (Date.parse(wait) - Date.now()) / 1000));
    if (seconds === 0 || seconds) throttled.retryAfterSeconds = seconds;
    return throttled;
  }
  return new HttpError(code, said || SILENT, status);
};

const SILENT = "the answer does not say why";

/** As much of a body as is worth waiting for. What breaks off is told as far as it came. */
const beginning = async ({ body }: Response): Promise<string> => {
  const decoder = new TextDecoder();
  const reader = body?.getReader();
  let found = "";
  try {
    for (let part; reader && found.length < LONGEST_BODY && !(part = await reader.read()).done; )
      found += decoder.decode(part.value, { stream: true });
    await reader?.cancel();
  } catch {
    // the status says enough
  }
  return found;
};
