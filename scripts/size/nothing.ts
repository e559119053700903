/** Stands for a library that a bundle is measured without. */
export {}
