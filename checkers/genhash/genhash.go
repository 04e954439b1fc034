// Package genhash prints pages and their digests as keepalived's genhash does, and as
// blocks for the configuration.
package genhash

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/lvs-director/director/checkers/probe"
)

// Verbose is what genhash -v prints of a page.
func Verbose(url string, p probe.Page) string {
	var b strings.Builder
	title := func(text string) { fmt.Fprintf(&b, "-----------------------[%s]-----------------------\n", text) }
	title("    HTTP Header Buffer    ")
	dump(&b, p.Head)
	title(" HTTP Header Ascii Buffer ")
	b.Write(p.Head)
	b.WriteString("\n")
	title("        HTML Buffer        ")
	dump(&b, p.Body)
	b.WriteString("\n")
	title("    HTML hash resulting    ")
	sum, _ := hex.DecodeString(p.Digest) // Fetch makes it of a sum
	dump(&b, sum)
	title(" HTML hash final resulting ")
	fmt.Fprintf(&b, "%s\n\nGlobal response time for [%s] = %d usecs\n", p.Digest, url, p.Took.Microseconds())
	return b.String()
}

// rowLength is how many bytes a row of dump has.
const rowLength = 16

// dump writes bytes in rows: where they are, in hexadecimal, and as text.
func dump(b *strings.Builder, data []byte) {
	for at := 0; at < len(data); at += rowLength {
		row := data[at:min(at+rowLength, len(data))]
		fmt.Fprintf(b, "%04d  ", at)
		for i := range rowLength {
			if i == rowLength/2 {
				b.WriteString("- ")
			}
			if i < len(row) {
				fmt.Fprintf(b, "%02x ", row[i])
			} else {
				b.WriteString("   ")
			}
		}
		b.WriteString("  ")
		for i := range rowLength {
			switch {
			case i >= len(row):
				b.WriteByte(' ')
			case row[i] < ' ' || row[i] > '~':
				b.WriteByte('.')
			default:
				b.WriteByte(row[i])
			}
		}
		b.WriteByte('\n')
	}
}

// Block is the url block for a page; an empty host is none.
func Block(path, host, digest string) string {
	if host != "" {
		host = "    virtualhost " + quoted(host) + "\n"
	}
	return fmt.Sprintf("url {\n    path %s\n%s    digest %s\n}\n", quoted(path), host, digest)
}

// quoted is a word of the configuration: in quotes when it has characters that mean something there.
func quoted(word string) string {
	if strings.ContainsAny(word, "#!~{}$\"'\\") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
	}
	return word
}
