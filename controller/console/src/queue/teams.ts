// The teams of approvers, as choices.
import { signal } from "@preact/signals";
import { call } from "../api";
import { may } from "../state";
import type { ListTeam } from "../types.gen";

export const teams = signal<readonly { id: string; name: string }[]>([]);

let read = false;

export async function learnTeams(): Promise<void> {
  if (read || !may("requests.team")) return;
  read = true;
  try {
    teams.value = (await call<ListTeam>("GET", "/teams?limit=200")).items;
  } catch {
    read = false; // they are only choices
  }
}
