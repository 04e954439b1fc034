// Package pidfile writes the pid files that other programs follow a daemon by. Each is
// written whole, and names the process that runs now; it is no lock and means nothing to
// director itself.
package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// maxSize bounds what is read of a pid file, in bytes.
const maxSize = 64

// Read gives the pid in a file. One without a pid is an error. It does not wait for the writer of a
// named pipe that was put there.
func Read(path string) (int, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no pid file", path)
	}
	buf := make([]byte, maxSize)
	n, _ := f.Read(buf)
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("%s has no pid in it", path)
	}
	return pid, nil
}

// Write puts a pid into a file by renaming another one to it: a reader sees all or nothing,
// and a symbolic link that stands there is not followed. A device, /dev/null, is left alone.
func Write(path string, pid int) error {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink == 0 && !info.Mode().IsRegular() {
		if info.Mode()&fs.ModeDevice != 0 {
			return nil
		}
		return fmt.Errorf("writing the pid file %s: something else is there", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making the directory of the pid file: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".director-pid-")
	if err != nil {
		return fmt.Errorf("writing the pid file %s: %w", path, err)
	}
	_, err = fmt.Fprintln(f, pid)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("writing the pid file %s: %w", path, err)
	}
	return nil
}

// Set is the pid files of one daemon. It belongs to one goroutine.
type Set struct {
	files []file
}

type file struct {
	process string
	path    string
	pid     int   // 0 is none yet
	err     error // why it is not written
}

// Add has a process's pid written to path from now on.
func (s *Set) Add(process, path string) {
	if path != "" {
		s.files = append(s.files, file{process: process, path: path})
	}
}

// Path is the file of a process; empty is none.
func (s *Set) Path(process string) string {
	for _, f := range s.files {
		if f.process == process {
			return f.path
		}
	}
	return ""
}

// Follow writes the pid of a process that has just started.
func (s *Set) Follow(process string, pid int) {
	for i := range s.files {
		if f := &s.files[i]; f.process == process {
			f.pid = pid
			f.err = Write(f.path, pid)
		}
	}
}

// Adopt notes the pid of a process whose file has been written by the program before.
func (s *Set) Adopt(process string, pid int) {
	for i := range s.files {
		if f := &s.files[i]; f.process == process {
			f.pid = pid
		}
	}
}

// Freshen writes all of them again: their time says when the configuration was taken over.
func (s *Set) Freshen() {
	for i := range s.files {
		if f := &s.files[i]; f.pid != 0 && f.isOurs() {
			f.err = Write(f.path, f.pid)
		}
	}
}

// Keep writes what somebody removed, and what could not be written before. One that names
// another process by now is another daemon's.
func (s *Set) Keep() {
	for i := range s.files {
		f := &s.files[i]
		if f.pid == 0 {
			continue
		}
		if _, err := os.Lstat(f.path); f.err != nil || errors.Is(err, fs.ErrNotExist) {
			f.err = Write(f.path, f.pid)
		}
	}
}

// Problem says what is not written, and why; empty when all is well.
func (s *Set) Problem() string {
	var list []string
	for _, f := range s.files {
		if f.err != nil {
			list = append(list, f.err.Error())
		}
	}
	return strings.Join(list, "; ")
}

// Remove removes those that still name the process that we wrote.
func (s *Set) Remove() {
	for i := range s.files {
		if f := &s.files[i]; f.pid != 0 && f.isOurs() {
			os.Remove(f.path)
		}
	}
}

func (f *file) isOurs() bool {
	pid, err := Read(f.path)
	return err == nil && pid == f.pid
}
