package program

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links a path may lead through, as in the kernel.
const maxLinks = 40

// Parts are the components of a path from the root down, and those of every
// symbolic link on the way.
func Parts(path string) ([]Part, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	var parts []Part
	at, todo, links := "/", strings.Split(path, "/"), 0
	look := func(path string) (os.FileInfo, error) {
		info, err := os.Lstat(path)
		if err != nil {
			return nil, err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return nil, fmt.Errorf("%s: its owner is not known on this system", path)
		}
		parts = append(parts, Part{Path: path, UID: stat.Uid, GID: stat.Gid, Mode: info.Mode()})
		return info, nil
	}
	if _, err := look(at); err != nil {
		return nil, err
	}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		info, err := look(next)
		if err != nil {
			return nil, err
		}
		if info.Mode()&os.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return nil, fmt.Errorf("%s: %w", path, syscall.ELOOP)
		}
		target, err := os.Readlink(next)
		if err != nil {
			return nil, err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return parts, nil
}
