// What the way back from an identity provider may say. The sentence comes in the
// address, and anybody can write one: only those that the controller has are
// shown. doors_test.go compares them with its sources.
const sentences = [
  "E-mail addresses like yours have no access here. Ask an administrator.",
  "None of your groups at {provider} has access here. Ask an administrator.",
  "Several accounts have your e-mail address. Ask an administrator.",
  "Somebody else's account has your e-mail address as its login. Ask an administrator.",
  "Something unexpected went wrong. The controller's log has the reason.",
  "The identity provider's answer can not be read. Begin again.",
  "The identity provider's answer could not be checked. Ask an administrator: the controller's log has the reason.",
  "There is no account for you here, and {provider} has not verified your e-mail address. Ask an administrator.",
  "There is no account for you here. Ask an administrator.",
  "There were too many tries. Wait a minute and begin again.",
  "This identity provider is no longer used. Sign in another way.",
  "This sign-in was begun in another browser, used before, or too long ago. Begin again.",
  "Your account is disabled. Ask an administrator.",
  "Your e-mail address belongs to another person's account. Ask an administrator.",
  "Your e-mail address can not be a login here. Ask an administrator for an account.",
  "Your groups no longer give you access, and you are the last administrator. Make another one on the controller's machine.",
  "{provider} did not confirm the sign-in. Begin again.",
  "{provider} did not let you sign in.",
  "{provider} did not say which groups you are in, because there are too many. Ask an administrator.",
  "{provider} does not answer. Try again, or sign in another way.",
];

const other = "The provider did not sign you in. Try again; if it stays so, tell an administrator the time.";

export function refusal(text: string, providers: readonly string[]): string {
  const known = sentences.some((s) => s === text || providers.some((p) => s.replace("{provider}", p) === text));
  return known ? text : other;
}
