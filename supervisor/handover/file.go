package handover

import (
	"encoding/json"
	"fmt"

	"github.com/lvs-director/director/supervisor/statefile"
)

// maxFile bounds the file that is read: thousands of instances fit.
const maxFile = 4 << 20

// File is where the orders of the director that runs the configuration at path are kept.
func File(stateDir, path string) string { return statefile.Name(stateDir, "handover", path) }

// Load reads the orders; a file that does not exist has none.
func (s *Set) Load(file string) error {
	text, err := statefile.Read(file, maxFile)
	if err != nil {
		return fmt.Errorf("reading which instances are handed over: %w", err)
	}
	if text == nil {
		return nil
	}
	var orders map[string]Order
	if err := json.Unmarshal(text, &orders); err != nil {
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
		if err := statefile.Remove(file); err != nil {
			return fmt.Errorf("noting that no instance is handed over: %w", err)
		}
		return nil
	}
	text, err := json.MarshalIndent(s.orders, "", "  ")
	if err == nil {
		err = statefile.Replace(file, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("noting which instances are handed over: %w", err)
	}
	return nil
}
