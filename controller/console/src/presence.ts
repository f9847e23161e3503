// Acts that need a fresh proof of who is here. The controller says so; then the
// dialog asks, and the act is repeated once. Who leaves the dialog has done
// nothing. From is where the focus was when the act was asked for: a button that is
// off while the act goes on has it no more.
import { signal } from "@preact/signals";
import { Fault } from "./api";

export interface Wanted {
  why: string; // what the controller said
  from: Element | null; // where the focus was
  settle: (there: boolean) => void;
}

export const wanted = signal<Wanted | null>(null);

export async function present<T>(act: () => Promise<T>, from = document.activeElement): Promise<T> {
  try {
    return await act();
  } catch (e) {
    if (!(e instanceof Fault) || e.code !== "step_up_required") throw e;
    if (!(await ask(e.message, from))) throw new Fault(403, "not_confirmed", "You did not confirm that it is you, so nothing was changed.");
  }
  return act();
}

// ask shows the dialog; only one is ever open.
function ask(why: string, from: Element | null): Promise<boolean> {
  wanted.value?.settle(false);
  return new Promise((done) => {
    wanted.value = {
      why,
      from,
      settle: (there) => {
        wanted.value = null;
        done(there);
      },
    };
  });
}
