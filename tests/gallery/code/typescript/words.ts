export function words(): string[] {
  return ["one", "two", "three"];
}
