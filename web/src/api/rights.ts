// What who is signed in may do. The server decides; this is for not offering what it would refuse.

import { ROLES, type Role } from "./grants";
import { caller } from "./session";

// What can be done with an experiment and all that belongs to it, and the role that it takes.
const NEEDED = { write: "writer", own: "owner" } as const;

/** Whether somebody may do something with an experiment; not, as long as it is not read. */
export function may(experiment: { role: Role } | undefined, action: keyof typeof NEEDED): boolean {
  return (
    experiment !== undefined && ROLES.indexOf(experiment.role) >= ROLES.indexOf(NEEDED[action])
  );
}

/** Whether they may create experiments; readers of the server may not. */
export function mayCreate(): boolean {
  return caller()?.role !== "reader";
}
