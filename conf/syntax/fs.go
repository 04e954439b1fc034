package syntax

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// FS is where configuration files are read. Names are as the user wrote them:
// absolute, or relative to the directory the command was started in.
type FS interface {
	Stat(name string) (fs.FileInfo, error)
	Open(name string) (fs.File, error)
	ReadDir(name string) ([]fs.DirEntry, error)
}

// Host is the host's own file system.
type Host struct{}

// Stat is os.Stat.
func (Host) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// Open opens a file for reading, and does not wait for the other end of a pipe.
func (Host) Open(name string) (fs.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// ReadDir is os.ReadDir.
func (Host) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Memory is a file system of names and texts, for tests and for text that is
// not in a file.
type Memory map[string]string

// Stat describes a file, or a directory above one.
func (m Memory) Stat(name string) (fs.FileInfo, error) {
	name = path.Clean(name)
	if text, ok := m[name]; ok {
		return memoryInfo{name: path.Base(name), size: int64(len(text))}, nil
	}
	for file := range m {
		if name == "." || strings.HasPrefix(file, strings.TrimSuffix(name, "/")+"/") {
			return memoryInfo{name: path.Base(name), dir: true}, nil
		}
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}

// Open opens a file.
func (m Memory) Open(name string) (fs.File, error) {
	info, err := m.Stat(name)
	if err != nil {
		return nil, err
	}
	return &memoryFile{Reader: strings.NewReader(m[path.Clean(name)]), info: info}, nil
}

// ReadDir lists the files and directories right below name.
func (m Memory) ReadDir(name string) ([]fs.DirEntry, error) {
	name = path.Clean(name)
	seen := map[string]bool{}
	for file := range m {
		rest := file
		if name != "." {
			var ok bool
			if rest, ok = strings.CutPrefix(file, strings.TrimSuffix(name, "/")+"/"); !ok {
				continue
			}
		}
		first, _, deeper := strings.Cut(rest, "/")
		if first != "" {
			seen[first] = deeper
		}
	}
	if len(seen) == 0 {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var entries []fs.DirEntry
	for base, dir := range seen {
		entries = append(entries, fs.FileInfoToDirEntry(memoryInfo{name: base, dir: dir}))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

type memoryInfo struct {
	name string
	size int64
	dir  bool
}

func (i memoryInfo) Name() string       { return i.name }
func (i memoryInfo) Size() int64        { return i.size }
func (i memoryInfo) ModTime() time.Time { return time.Time{} }
func (i memoryInfo) IsDir() bool        { return i.dir }
func (i memoryInfo) Sys() any           { return nil }
func (i memoryInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

type memoryFile struct {
	*strings.Reader
	info fs.FileInfo
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *memoryFile) Close() error               { return nil }
