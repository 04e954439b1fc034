package load

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// DefaultFiles are where a configuration is looked for, in this order.
var DefaultFiles = [...]string{"/etc/director/director.conf", "/etc/keepalived/keepalived.conf"}

// FindFile is the file to read: the one that was asked for, or the first
// default that exists. A first one that is all comments, as packages install it,
// says nothing, and does not stand in the way of the second.
func FindFile(asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	found := ""
	for _, f := range DefaultFiles {
		if _, err := os.Stat(f); err != nil {
			continue
		}
		if !onlyComments(f) {
			return f, nil
		}
		if found == "" {
			found = f
		}
	}
	if found != "" {
		return found, nil
	}
	return "", fmt.Errorf("no configuration: neither %s nor %s exists; name one with -f FILE", DefaultFiles[0],
		DefaultFiles[1])
}

// mostComments is how much of a file is looked at for a line that is no comment.
const mostComments = 64 << 10

// onlyComments says whether a file has no line that says anything. One that cannot be
// read is left to who reads it.
func onlyComments(name string) bool {
	file, err := os.Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, mostComments+1))
	if err != nil || len(text) > mostComments {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != '!' {
			return false
		}
	}
	return true
}
