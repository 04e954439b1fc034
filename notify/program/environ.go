package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// removed are the variables that no program inherits: what would change how it
// reads its arguments or what it loads, and what belongs to this process and
// its service manager alone.
var removed = map[string]bool{
	"IFS": true, "LD_PRELOAD": true, "LD_LIBRARY_PATH": true,
	"NOTIFY_SOCKET": true, "WATCHDOG_PID": true, "WATCHDOG_USEC": true,
	"LISTEN_PID": true, "LISTEN_FDS": true, "LISTEN_FDNAMES": true,
}

// Environ is the environment for programs, made from ours.
func Environ(ours []string) []string {
	var theirs []string
	for _, entry := range ours {
		if name, _, _ := strings.Cut(entry, "="); !removed[name] {
			theirs = append(theirs, entry)
		}
	}
	return theirs
}

// defaultPath is searched when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// find is the file that a command's first word means.
func find(name string) (string, error) {
	if name == "" {
		return "", errors.New("the name of the program is empty")
	}
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := os.Getenv("PATH")
	if path == "" {
		path = defaultPath
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue // never from wherever we happen to be
		}
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("find %s on PATH %s: %w", name, path, fs.ErrNotExist)
}
