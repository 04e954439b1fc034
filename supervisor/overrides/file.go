package overrides

import (
	"encoding/json"
	"fmt"
	"slices"

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
	Boot string `json:"boot,omitempty"`
	// Overrides are those that hold on this half. What a director that knows nothing of the
	// other fields wrote has no stamps.
	Overrides []Record `json:"overrides"`
	// Ended is what the halves of a pair share beside it, and does not hold here.
	Ended []Record `json:"ended,omitempty"`
	// Lifted are the stamps of those in Ended that hold on other halves.
	Lifted []event.Stamp `json:"lifted,omitempty"`
	// Names are what virtual servers are called here, by their names in what is shared.
	Names map[string]string `json:"names,omitempty"`
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
	next, err := parse(text, boot, s.Host)
	if err != nil {
		return fmt.Errorf("reading the overrides in %s: %w", name, err)
	}
	*s = next
	return nil
}

// parse reads the text of a file of a host.
func parse(text []byte, boot, host string) (s Set, err error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return s, err
	}
	if f.Version < 1 || f.Version > version {
		return s, fmt.Errorf("it has version %d, this program reads %d", f.Version, version)
	}
	s.Host = host
	lifted := make(map[event.Stamp]bool)
	for _, stamp := range f.Lifted {
		lifted[stamp] = true
	}
	for n, r := range slices.Concat(f.Overrides, f.Ended) {
		if r.RealServer == "" || r.Kind != event.Drain && r.Kind != event.SetWeight || r.Weight < 0 {
			return s, fmt.Errorf("it has an override that this program does not know: %s %q", r.Kind, r.RealServer)
		}
		if r.Stamp.At < 0 || r.Stamp.At >= maxStamp || n >= len(f.Overrides) && !isShared(r.Override) {
			return s, fmt.Errorf("it has an override of %q that no director can have noted", r.RealServer)
		}
		if r.Source == event.SourceOperator {
			r.Stamp = stamped(r, host)
		}
		switch {
		case isShared(r.Override):
			s.put(r, n >= len(f.Overrides) && !r.Removed && !lifted[r.Stamp])
			if lifted[r.Stamp] {
				s.lift(keyOf(r.Override), r.Stamp)
			}
		case r.Source != event.SourceKernel || boot != "" && f.Boot == boot:
			s.keepHere(r.Override)
		}
	}
	if s.inForce+len(s.here) > Limit {
		return s, ErrFull
	}
	for shared, here := range f.Names {
		s.call(shared, here)
	}
	s.forgetOldest()
	return s, nil
}

// stamped is the stamp of a record of a file. A director of before noted none: it is the time at
// which it was asked for, on this host.
func stamped(r Record, host string) event.Stamp {
	if r.Stamp.At == 0 {
		r.Stamp.At = min(max(r.Since.UnixMicro(), 1), maxStamp-1)
	}
	if r.Stamp.Host == "" {
		r.Stamp.Host = host
	}
	return r.Stamp
}

// Save writes the overrides, the whole file at once. Without any there is no file.
func (s *Set) Save(name, boot string) error {
	if len(s.shared)+len(s.here) == 0 {
		if err := statefile.Remove(name); err != nil {
			return fmt.Errorf("noting that there are no overrides: %w", err)
		}
		return nil
	}
	text, err := json.MarshalIndent(s.file(boot), "", "  ")
	if err == nil {
		err = statefile.Replace(name, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the overrides: %w", err)
	}
	return nil
}

// file is the set as it is noted.
func (s *Set) file(boot string) file {
	f := file{Version: version, Boot: boot, Overrides: []Record{}, Names: s.names}
	for k, e := range s.shared {
		lifted := s.isLifted(k, e)
		switch {
		case e.ended() || lifted:
			f.Ended = append(f.Ended, e.Record)
		default:
			f.Overrides = append(f.Overrides, e.Record)
		}
		if lifted {
			f.Lifted = append(f.Lifted, e.Stamp)
		}
	}
	for _, o := range s.here {
		f.Overrides = append(f.Overrides, Record{Override: o})
	}
	slices.SortFunc(f.Overrides, func(a, b Record) int { return order(a.Override, b.Override) })
	slices.SortFunc(f.Ended, Record.compare)
	slices.SortFunc(f.Lifted, event.Stamp.Compare)
	return f
}

// Export is the whole of the set as text, for the program that takes the place of this one, and
// Import puts it back. Boot is the present boot of the host.
func (s *Set) Export(boot string) ([]byte, error) { return json.Marshal(s.file(boot)) }

// Import replaces the set by what Export gave. After an error it is as it was.
func (s *Set) Import(text []byte, boot string) error {
	next, err := parse(text, boot, s.Host)
	if err != nil {
		return fmt.Errorf("reading the overrides: %w", err)
	}
	*s = next
	return nil
}
