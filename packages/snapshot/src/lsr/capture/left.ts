/**
 * What a snapshot does not hold although it was asked for. All but `special` make it torn: a socket or pipe has no
 * bytes that could be missing later, anything else may be what the model cannot do without.
 * `unsettled`: still changing after every reading · `outside`: a link out of the tree · `device`: a mount inside it ·
 * `name`: no path for a manifest · `missing`: nothing at that place at all.
 */
export type Left = {
  path: string;
  reason: "unsettled" | "unreadable" | "outside" | "special" | "device" | "name" | "missing";
};

export const tears = ({ reason }: Left): boolean => reason !== "special";
