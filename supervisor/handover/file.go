package handover

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxFile bounds the file that is read: thousands of instances fit.
const maxFile = 4 << 20

// File is where the orders of the director that runs the configuration at
// path are kept. Directors of one host may share a state directory.
func File(stateDir, path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(stateDir, fmt.Sprintf("handover-%x.json", sum[:6]))
}

// Load reads the orders; a file that does not exist has none.
func (s *Set) Load(file string) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading which instances are handed over: %w", err)
	}
	defer f.Close()
	var orders map[string]Order
	if err := json.NewDecoder(io.LimitReader(f, maxFile)).Decode(&orders); err != nil {
		return fmt.Errorf("reading which instances are handed over, from %s: %w", file, err)
	}
	s.orders = orders
	s.last++
	for name, o := range orders {
		o.Number = s.last
		s.orders[name] = o
	}
	return nil
}

// Save writes the orders. Without any there is no file.
func (s *Set) Save(file string) error {
	if len(s.orders) == 0 {
		if _, err := os.Lstat(file); err != nil {
			return nil // where nothing can be written, removing a file that is not there fails too
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("noting that no instance is handed over: %w", err)
		}
		return nil
	}
	text, err := json.MarshalIndent(s.orders, "", "  ")
	if err != nil {
		return fmt.Errorf("noting which instances are handed over: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("noting which instances are handed over: %w", err)
	}
	next := file + ".new"
	err = os.WriteFile(next, append(text, '\n'), 0o600)
	if err == nil { // else the file of before is better than this one
		err = os.Rename(next, file)
	}
	if err != nil {
		return fmt.Errorf("noting which instances are handed over: %w", err)
	}
	return nil
}
