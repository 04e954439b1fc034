package dumps

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks bounds the symbolic links on the way to a file, as the kernel does (path_resolution(7)).
const maxLinks = 40

// Write puts text into the file at path, of mode 0600, in the place of what is there: a reader
// finds the old file or the whole new one. It follows no symbolic link that somebody else may have
// made: neither at the end of path, where it is replaced, nor in a folder that others may write.
//
// One who waits for the file by inotify sees it moved into its place and closed after that, as keepalived
// does it. The name that it has before begins with a dot: readers remove what is called as the dump is.
func Write(path string, text []byte) error {
	if err := write(path, text); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

func write(path string, text []byte) error {
	dir, err := openDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	name := filepath.Base(path)
	hidden := fmt.Sprintf(".%.200s.%d", name, os.Getpid())
	// One of that name was left by a process of this pid that was killed, or was put there to be in the way.
	if err := unix.Unlinkat(dir, hidden, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("removing %s: %w", hidden, err)
	}
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(dir, hidden, flags, 0o600)
	if err != nil {
		return fmt.Errorf("making a file: %w", err)
	}
	f := os.NewFile(uintptr(fd), hidden)
	err = f.Chmod(0o600) // whatever the umask
	if err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = unix.Renameat(dir, hidden, dir, name)
	}
	if err != nil {
		_ = unix.Unlinkat(dir, hidden, 0) // it may be full, or gone
	}
	return errors.Join(err, f.Close())
}

// openDir opens a folder, step by step.
func openDir(path string) (int, error) {
	dir, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	links := 0
	for rest := strings.Split(path, "/"); len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		next, target, err := step(dir, name)
		if err != nil {
			unix.Close(dir)
			return -1, err
		}
		if target == "" {
			unix.Close(dir)
			dir = next
			continue
		}
		if links++; links > maxLinks {
			unix.Close(dir)
			return -1, unix.ELOOP
		}
		rest = append(strings.Split(target, "/"), rest...)
		if strings.HasPrefix(target, "/") {
			root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			unix.Close(dir)
			if err != nil {
				return -1, err
			}
			dir = root
		}
	}
	return dir, nil
}

// step opens the folder name in dir; target is where it leads when it is a symbolic link.
func step(dir int, name string) (next int, target string, err error) {
	next, err = unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, "", fmt.Errorf("opening folder %s: %w", name, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(next, &st); err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return next, "", nil
	}
	defer unix.Close(next)
	switch {
	case err != nil:
		return -1, "", err
	case st.Mode&unix.S_IFMT != unix.S_IFLNK:
		return -1, "", fmt.Errorf("%s is not a folder", name)
	case othersWrite(dir):
		return -1, "", fmt.Errorf("%s is a symbolic link in a folder that others may write: it is not followed", name)
	}
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(next, "", text)
	if err != nil || n == 0 {
		return -1, "", errors.Join(err, fmt.Errorf("reading the link %s", name))
	}
	return -1, string(text[:n]), nil
}

// othersWrite says whether somebody but root and this process may make something in a folder.
func othersWrite(dir int) bool {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return true
	}
	return st.Uid != 0 && int(st.Uid) != os.Geteuid() || st.Mode&0o002 != 0 || st.Mode&0o020 != 0 && st.Gid != 0
}
