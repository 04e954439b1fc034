package hostcheck

import (
	"errors"
	"fmt"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/plan"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvsadm"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/journal"
)

// The owners of a service, as director ipvs tells them.
const (
	ownedByDirector = "director's"
	ownedByOthers   = "not director's"
)

// IPVSTable is the kernel's table with the connections of its real servers. Whose a
// service is, the journal of the director with that run directory says.
func IPVSTable(dir worker.RunDir) ([]ipvsadm.Service, error) {
	var f plan.Facts
	cfg := &conf.Config{} // of this network namespace
	Look(&f, cfg)
	LookClosely(&f, cfg)
	if f.Table == nil {
		if len(f.Unknown) > 0 {
			return nil, errors.New(f.Unknown[len(f.Unknown)-1])
		}
		return nil, ipvs.ErrNoIPVS
	}
	if len(f.Table) == 0 { // an empty table, or no IPVS: asking loads it, as ipvsadm does
		driver, err := ipvs.Open()
		if err != nil {
			return nil, err
		}
		driver.Close()
	}
	epoch, err := journal.Epoch()
	if err != nil {
		return nil, fmt.Errorf("whose the services are: %w", err)
	}
	keys, err := journal.Keys(dir.Journal(worker.LVS), epoch)
	if err != nil {
		return nil, fmt.Errorf("whose the services are: %w", err)
	}
	ours := make(map[conf.ServiceKey]bool, len(keys))
	for _, text := range keys {
		if key, ok := table.ParseJournalKey(text); ok {
			ours[key] = true
		}
	}
	list := ipvsadm.Services(f.Table)
	for n := range list {
		s := &list[n]
		s.Whose = ownedByOthers
		if ours[s.Key] {
			s.Whose = ownedByDirector
		}
		for m := range s.Servers {
			d := &s.Servers[m]
			c := f.Connections[plan.Server{Service: s.Key, Real: d.Key}]
			d.Active, d.Inactive = uint64(c.Active), uint64(c.Inactive)
		}
	}
	return list, nil
}

// Imported is a configuration made of a table.
type Imported struct {
	Text  string
	Notes []string // what it cannot have
}

// Import makes a configuration of services, and reads it: what director would not
// take is an error.
func Import(list []ipvsadm.Service, read func(text string) (*conf.Config, []conf.Finding)) (Imported, error) {
	text, notes := ipvsadm.Blocks(list)
	cfg, findings := read(text)
	made := Imported{text, notes}
	wanted := table.Wanted(cfg.VirtualServers, nil)
	for _, s := range list {
		e, there := wanted[s.Key]
		if len(s.Servers) > 0 && (!there || len(e.Destinations) != len(s.Servers)) {
			return made, fmt.Errorf("a configuration cannot have %s as it is: %s", s.Key, why(findings))
		}
	}
	if conf.HasErrors(findings) {
		return made, errors.New(why(findings))
	}
	for _, f := range findings {
		if f.Severity == conf.Warning && !slices.Contains(made.Notes, f.Message) {
			made.Notes = append(made.Notes, f.Message)
		}
	}
	return made, nil
}

// why is the first thing that is wrong.
func why(findings []conf.Finding) string {
	for _, severity := range []conf.Severity{conf.Error, conf.Warning, conf.Note} {
		for _, f := range findings {
			if f.Severity == severity {
				return f.Message
			}
		}
	}
	return "the kernel may have what no configuration can"
}
