package overrides

import (
	"encoding/json"
	"fmt"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/statefile"
)

// version is that of the file. A new field does not change it, a changed meaning
// does.
const version = 1

// maxFile bounds the file that is read: Limit overrides with long reasons fit.
const maxFile = 64 << 20

// file is the form of the file.
type file struct {
	Version int `json:"version"`
	// Boot is that of the host in which the weights of SourceKernel were seen: the
	// kernel's table does not outlive it.
	Boot      string           `json:"boot,omitempty"`
	Overrides []event.Override `json:"overrides"`
}

// File is where the overrides of the director that runs the configuration at path are kept.
func File(stateDir, path string) string { return statefile.Name(stateDir, "overrides", path) }

// Load reads the overrides; a file that does not exist has none. After an error
// the set is as it was. Boot is the present boot of the host.
func (s *Set) Load(name, boot string) error {
	text, err := statefile.Read(name, maxFile)
	if err != nil {
		return fmt.Errorf("reading the overrides: %w", err)
	}
	if text == nil {
		return nil
	}
	list, err := parse(text, boot)
	if err != nil {
		return fmt.Errorf("reading the overrides in %s: %w", name, err)
	}
	var next Set
	if err := next.Add(list...); err != nil {
		return fmt.Errorf("reading the overrides in %s: %w", name, err)
	}
	*s = next
	return nil
}

// parse reads the text of a file.
func parse(text []byte, boot string) ([]event.Override, error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	if f.Version < 1 || f.Version > version {
		return nil, fmt.Errorf("it has version %d, this program reads %d", f.Version, version)
	}
	var list []event.Override
	for _, o := range f.Overrides {
		if o.RealServer == "" || o.Kind != event.Drain && o.Kind != event.SetWeight || o.Weight < 0 {
			return nil, fmt.Errorf("it has an override that this program does not know: %s %q", o.Kind, o.RealServer)
		}
		if o.Source != event.SourceKernel || boot != "" && f.Boot == boot {
			list = append(list, o)
		}
	}
	return list, nil
}

// Save writes the overrides, the whole file at once. Without any there is no file.
func (s *Set) Save(name, boot string) error {
	if len(s.byKey) == 0 {
		if err := statefile.Remove(name); err != nil {
			return fmt.Errorf("noting that there are no overrides: %w", err)
		}
		return nil
	}
	text, err := json.MarshalIndent(file{version, boot, s.List()}, "", "  ")
	if err == nil {
		err = statefile.Replace(name, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the overrides: %w", err)
	}
	return nil
}
