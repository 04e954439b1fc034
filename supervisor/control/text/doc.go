// Package text writes values as JSON and reads them, as encoding/json does and by the same tags, but faster: the status
// of 40,000 real servers is written and read while somebody waits for it. What it writes differs in what director
// promises of its documents: a list is never null, however empty, and no character is escaped for the sake of HTML.
package text
