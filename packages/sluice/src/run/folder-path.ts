/** `path` relative to the folder that holds it. */
export const relativeTo = (folder: string, path: string): string => (path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path);
