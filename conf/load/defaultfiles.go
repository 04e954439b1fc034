package load

import (
	"fmt"
	"os"
)

// DefaultFiles are where a configuration is looked for, in this order.
var DefaultFiles = [...]string{"/etc/director/director.conf", "/etc/keepalived/keepalived.conf"}

// FindFile is the file to read: the one that was asked for, or the first
// default that exists.
func FindFile(asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	for _, f := range DefaultFiles {
		if _, err := os.Stat(f); err == nil {
			return f, nil
		}
	}
	return "", fmt.Errorf("no configuration: neither %s nor %s exists; name one with -f FILE", DefaultFiles[0],
		DefaultFiles[1])
}
