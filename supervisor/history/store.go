package history

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	// Keep is how many configurations of one path are kept.
	Keep = 50
	// keepAll bounds those of all paths together.
	keepAll = 500

	suffix            = ".tar"
	unconfirmedSuffix = ".unconfirmed" + suffix
	temporaryPrefix   = ".new-"
)

// Store is the configurations in one state directory. Directors of one host
// may share it: each looks at those of its own path alone.
type Store struct {
	dir  string
	path string
}

// Open makes the directory, if need be, for the configuration at path.
func Open(stateDir, path string) (*Store, error) {
	s, err := Look(stateDir, path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the history of configurations: %w", err)
	}
	// What cannot be written is better known now than at the reload.
	f, err := os.CreateTemp(s.dir, temporaryPrefix)
	if err != nil {
		return nil, fmt.Errorf("writing the history of configurations in %s: %w", s.dir, withoutName(err))
	}
	err = f.Close()
	s.sweep()
	return s, err
}

// Look is Open for reading: nothing is made.
func Look(stateDir, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding the directory of %s: %w", path, err)
	}
	return &Store{dir: filepath.Join(stateDir, "history"), path: path}, nil
}

// sweep removes what a crash left half written.
func (s *Store) sweep() {
	left, _ := filepath.Glob(filepath.Join(s.dir, temporaryPrefix+"*")) // the pattern is a good one
	for _, name := range left {
		_ = os.Remove(name) // it stays, then
	}
}

// archive is a file of the store.
type archive struct {
	number      int
	unconfirmed bool
	name        string // with the directory
}

// archives lists the files, the oldest first.
func (s *Store) archives() ([]archive, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the history of configurations: %w", err)
	}
	var list []archive
	for _, e := range entries {
		a := archive{name: filepath.Join(s.dir, e.Name())}
		digits, ok := strings.CutSuffix(e.Name(), unconfirmedSuffix)
		if a.unconfirmed = ok; !ok {
			digits, ok = strings.CutSuffix(e.Name(), suffix)
		}
		if a.number, err = strconv.Atoi(digits); ok && err == nil && a.number > 0 {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b archive) int { return cmp.Compare(a.number, b.number) })
	return list, nil
}

// List tells the configurations of the store's path, the oldest first. Files
// that cannot be read are left out: see Unreadable.
func (s *Store) List() ([]Entry, error) {
	all, err := s.all()
	if err != nil {
		return nil, err
	}
	var list []Entry
	for _, e := range all {
		if e.Path == s.path {
			list = append(list, e)
		}
	}
	return list, nil
}

// Unreadable is a configuration of the history that cannot be read. Which path it is of
// is not known.
type Unreadable struct {
	Number int    `json:"number"`
	Error  string `json:"error"`
}

// Unreadable tells the configurations that List leaves out, the oldest first.
func (s *Store) Unreadable() ([]Unreadable, error) {
	_, bad, err := s.read()
	return bad, err
}

// all is List for all paths.
func (s *Store) all() ([]Entry, error) {
	list, _, err := s.read()
	return list, err
}

func (s *Store) read() (list []Entry, bad []Unreadable, err error) {
	archives, err := s.archives()
	if err != nil {
		return nil, nil, err
	}
	for _, a := range archives {
		e, err := s.entry(a)
		switch {
		case err == nil:
			list = append(list, e)
		case errors.Is(err, fs.ErrPermission):
			return nil, nil, fmt.Errorf("reading the history of configurations: %w: do it as root", err)
		case !errors.Is(err, fs.ErrNotExist): // else it was pruned meanwhile
			bad = append(bad, Unreadable{a.number, err.Error()})
		}
	}
	return list, bad, nil
}

func (s *Store) entry(a archive) (Entry, error) {
	f, err := os.Open(a.name)
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	m, err := readEntry(tar.NewReader(f))
	m.Number, m.Unconfirmed = a.number, a.unconfirmed
	return m.Entry, err
}

// Load reads a configuration of the store's path.
func (s *Store) Load(number int) (Entry, Text, error) {
	archives, err := s.archives()
	if err != nil {
		return Entry{}, Text{}, err
	}
	for _, a := range archives {
		if a.number != number {
			continue
		}
		e, t, err := s.load(a)
		if err != nil {
			return e, t, fmt.Errorf("reading configuration %d of the history: %w", number, err)
		}
		if e.Path == s.path {
			return e, t, nil
		}
	}
	return Entry{}, Text{}, fmt.Errorf("there is no configuration %d of %s: director history lists them", number, s.path)
}

func (s *Store) load(a archive) (Entry, Text, error) {
	f, err := os.Open(a.name)
	if err != nil {
		return Entry{}, Text{}, err
	}
	defer f.Close()
	e, t, err := readArchive(f)
	e.Number, e.Unconfirmed = a.number, a.unconfirmed
	return e, t, err
}

// Add keeps a configuration: the newest one, unless it is that already, and
// says under which number. Number, Path and, when it is 0, Of are filled in.
func (s *Store) Add(e Entry, t Text) (Entry, error) {
	e.Path = s.path
	list, err := s.List()
	if err != nil {
		return e, err
	}
	if n := len(list); n > 0 && list[n-1].Digest == e.Digest && !list[n-1].Unconfirmed && !e.Unconfirmed {
		last, text, err := s.Load(list[n-1].Number)
		if err == nil && maps.Equal(text.Env, t.Env) && last.Of == cmp.Or(e.Of, last.Of) {
			return last, nil
		}
	}
	archives, err := s.archives()
	if err != nil {
		return e, err
	}
	if n := len(archives); n > 0 {
		e.Number = archives[n-1].number
	}
	of := e.Of
	for {
		e.Number++
		e.Of = cmp.Or(of, e.Number)
		err := s.write(e, t)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) { // another director was faster
			return e, fmt.Errorf("keeping a configuration in the history in %s: %w", s.dir, withoutName(err))
		}
	}
	s.prune()
	return e, nil
}

// write makes an archive appear, whole or not at all.
func (s *Store) write(e Entry, t Text) error {
	f, err := os.CreateTemp(s.dir, temporaryPrefix) // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(writeArchive(f, e, t), f.Sync(), f.Close()); err != nil {
		return err
	}
	name := s.name(e.Number, e.Unconfirmed)
	if _, err := os.Lstat(s.name(e.Number, !e.Unconfirmed)); err == nil {
		return fs.ErrExist
	}
	if err := os.Link(f.Name(), name); err != nil {
		return err
	}
	return syncDir(s.dir)
}

func (s *Store) name(number int, unconfirmed bool) string {
	end := suffix
	if unconfirmed {
		end = unconfirmedSuffix
	}
	return filepath.Join(s.dir, fmt.Sprintf("%06d%s", number, end))
}

// Confirm makes an unconfirmed configuration one like the others.
func (s *Store) Confirm(number int) error {
	err := os.Rename(s.name(number, true), s.name(number, false))
	if err == nil {
		err = syncDir(s.dir)
	}
	if err != nil {
		return fmt.Errorf("confirming configuration %d in the history: %w", number, err)
	}
	return nil
}

// prune removes the oldest ones beyond what is kept.
func (s *Store) prune() {
	all, err := s.all()
	if err != nil {
		return // the next time, then
	}
	left := len(all)
	own := 0
	for _, e := range all {
		if e.Path == s.path {
			own++
		}
	}
	for _, e := range all {
		ours := e.Path == s.path
		if !(ours && own > Keep) && left <= keepAll {
			continue
		}
		if os.Remove(s.name(e.Number, e.Unconfirmed)) == nil {
			left--
			if ours {
				own--
			}
		}
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// withoutName leaves out the name of a temporary file, which is another one each
// time: the same trouble is told in the same words.
func withoutName(err error) error {
	if path := new(fs.PathError); errors.As(err, &path) {
		return path.Err
	}
	if link := new(os.LinkError); errors.As(err, &link) {
		return link.Err
	}
	return err
}
