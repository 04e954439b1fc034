// Package encode writes values as JSON, as encoding/json does and by the same tags, but faster: the status of 40,000
// real servers is written while somebody waits for it. It differs from encoding/json in what director promises of its
// documents: a list is never null, however empty, and no character is escaped for the sake of HTML.
package encode
