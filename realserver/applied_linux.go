package realserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lvs-director/director/netns"
)

// state is what was changed, in the file, so that Undo can take it back.
type state struct {
	Version   int               `json:"version"`
	Epoch     string            `json:"epoch"` // the boot and network namespace that all this is of
	Settings  map[string]change `json:"settings"`
	Addresses []made            `json:"addresses"`
	Up        []string          `json:"up"` // devices that were down
}

// change is a setting before and after.
type change struct{ Old, New string }

type made struct {
	Device string       `json:"device"`
	Prefix netip.Prefix `json:"prefix"`
}

const (
	stateVersion = 1
	maxState     = 1 << 20
)

// open locks the file and reads what was applied, which is of this boot and network
// namespace if its epoch is the one that is returned.
func open(file string) (s *state, epoch string, unlock func(), err error) {
	if unlock, err = lock(file); err != nil {
		return nil, "", nil, err
	}
	if epoch, err = netns.Epoch(); err == nil {
		s, err = readState(file)
	}
	if err != nil {
		unlock()
		return nil, "", nil, err
	}
	return s, epoch, unlock, nil
}

// lock waits until no other director changes this host and the file.
func lock(file string) (unlock func(), err error) {
	name := file + ".lock"
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of %s: %w", file, err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", name, err)
	}
	return func() { f.Close() }, nil
}

func newState(epoch string) *state {
	return &state{Version: stateVersion, Epoch: epoch, Settings: make(map[string]change)}
}

// readState reads the file; without one nothing was changed.
func readState(file string) (*state, error) {
	s := newState("")
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was applied: %w", err)
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, maxState)).Decode(s); err != nil {
		return nil, fmt.Errorf("reading what was applied: %s is damaged (%w): look at \"ip address show\" and remove the "+
			"file", file, err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("%s has version %d, this program reads %d", file, s.Version, stateVersion)
	}
	for name := range s.Settings {
		if !strings.HasPrefix(name, "net.ipv4.conf.") || strings.Contains(name, "/") || strings.Contains(name, "..") {
			return nil, fmt.Errorf("%s names the setting %q, which no real server needs", file, name)
		}
	}
	return s, nil
}

// save writes the file, the whole at once.
func (s *state) save(file string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err == nil {
		err = replace(file, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("noting what is applied: %w", err)
	}
	return nil
}

// replace writes a file, so that after a crash it has the old text or the new one.
func replace(file string, text []byte) error {
	f, err := os.OpenFile(file+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
