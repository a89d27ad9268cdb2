/** Removes what containers left outside of the folder. */
export async function removeNode(_folder: string): Promise<void> {}
