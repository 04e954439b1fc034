package history

import (
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

// File is a file of a configuration.
type File struct {
	Name string // as it was read: absolute, or relative to the working directory
	Text string
}

// Text is a configuration as it was read, with all that its meaning depends on.
type Text struct {
	Path     string // of the main file, or the pattern of several
	ConfigID string // what "@" conditions were compared with
	Local    string `json:",omitempty"` // the file that was asked for to be read behind it
	Files    []File // in the order in which they were opened, each once
	// Env are the environment variables that it asked for and that were set.
	Env map[string]string
}

// Options are what the configuration is read with instead of the host's files.
func (t Text) Options(base load.Options) load.Options {
	files := make(syntax.Memory, len(t.Files))
	for _, f := range t.Files {
		files[path.Clean(f.Name)] = f.Text
	}
	base.FS = files
	base.ConfigID, base.Local = t.ConfigID, t.Local
	base.Env = func(name string) (string, bool) {
		v, ok := t.Env[name]
		return v, ok
	}
	return base
}

// Recorder remembers what is read through it. It may be used by one goroutine
// at a time; Changed and Text by any number, once reading is over.
type Recorder struct {
	base syntax.FS
	env  func(string) (string, bool)

	mu      sync.Mutex
	order   []string
	texts   map[string]*strings.Builder
	stats   map[string]fs.FileInfo // nil: there was none
	dirs    map[string][]string    // nil: it could not be read
	asked   map[string]string
	missing map[string]bool
}

// NewRecorder records what is read from base and env; nil are the host's.
func NewRecorder(base syntax.FS, env func(string) (string, bool)) *Recorder {
	if base == nil {
		base = syntax.Host{}
	}
	if env == nil {
		env = os.LookupEnv
	}
	return &Recorder{
		base: base, env: env,
		texts: make(map[string]*strings.Builder), stats: make(map[string]fs.FileInfo), dirs: make(map[string][]string),
		asked: make(map[string]string), missing: make(map[string]bool),
	}
}

// Options are those of base, read through the recorder.
func (r *Recorder) Options(base load.Options) load.Options {
	base.FS = r
	base.Env = r.lookup
	return base
}

// Text is what was read. name and configID are those the configuration was read with.
func (r *Recorder) Text(name, configID string) Text {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := Text{Path: name, ConfigID: configID, Env: make(map[string]string, len(r.asked))}
	for _, n := range r.order {
		t.Files = append(t.Files, File{Name: n, Text: r.texts[n].String()})
	}
	for k, v := range r.asked {
		t.Env[k] = v
	}
	return t
}

// Changed says whether reading again might give something else: a file, a
// directory or a variable is not what it was. A file that was written anew
// with the same text counts as changed.
func (r *Recorder) Changed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, was := range r.stats {
		now, err := r.base.Stat(name)
		if err != nil {
			now = nil
		}
		if !sameFile(was, now) {
			return true
		}
	}
	for name, was := range r.dirs {
		if now := list(r.base.ReadDir(name)); (was == nil) != (now == nil) || !slices.Equal(was, now) {
			return true
		}
	}
	for name, was := range r.asked {
		if now, ok := r.env(name); !ok || now != was {
			return true
		}
	}
	for name := range r.missing {
		if _, ok := r.env(name); ok {
			return true
		}
	}
	return false
}

func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Size() == b.Size() && a.Mode() == b.Mode() && a.ModTime().Equal(b.ModTime()) &&
		(os.SameFile(a, b) || a.Sys() == nil) // only the host's files have an identity
}

// Stat implements syntax.FS.
func (r *Recorder) Stat(name string) (fs.FileInfo, error) {
	info, err := r.base.Stat(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.stats[name] = nil
	} else if _, known := r.stats[name]; !known {
		r.stats[name] = info
	}
	return info, err
}

// Open implements syntax.FS.
func (r *Recorder) Open(name string) (fs.File, error) {
	f, err := r.base.Open(name)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.texts[name] == nil {
		r.order = append(r.order, name)
	}
	copied := &strings.Builder{}
	r.texts[name] = copied
	return &recorded{File: f, copied: copied}, nil
}

// ReadDir implements syntax.FS.
func (r *Recorder) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := r.base.ReadDir(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dirs[name] = list(entries, err)
	return entries, err
}

func list(entries []fs.DirEntry, err error) []string {
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

func (r *Recorder) lookup(name string) (string, bool) {
	v, ok := r.env(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok {
		r.asked[name] = v
	} else {
		r.missing[name] = true
	}
	return v, ok
}

// recorded is an open file whose reader's bytes are kept.
type recorded struct {
	fs.File
	copied *strings.Builder
}

func (f *recorded) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.copied.Write(p[:n])
	return n, err
}

var _ io.Reader = (*recorded)(nil)
