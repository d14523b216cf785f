#ifndef TEXT_H
#define TEXT_H

/* Remove white space from both ends, in place; return the same text. */
char *trim(char *text);

/* Return a new text of the parts with `between` in between; the caller frees it. */
char *join(const char *const *parts, int count, const char *between);

#endif
