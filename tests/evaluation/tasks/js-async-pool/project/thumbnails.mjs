import { pool } from './pool.mjs';

/** Make thumbnails, four at once. */
export const thumbnails = (pictures, scale) => pool(pictures, 4, async (picture) => scale(picture, 64));
