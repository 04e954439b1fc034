package hostcheck

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/netns"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvsadm"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/words"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/journal"
)

// The owners of a service, as director ipvs tells them.
const (
	ownedByDirector = "director's"
	adopted         = "director's, adopted"
	forChecks       = "director's, for checks as_client"
	ownedByOthers   = "not director's"
)

// IPVSTable is the kernel's table with what it has counted. Whose a service is, the
// journal of the director with that run directory says. Where IPVS is not loaded it is
// loaded, as ipvsadm does.
func IPVSTable(dir worker.RunDir) ([]ipvsadm.Service, error) {
	driver, err := ipvs.Open()
	if err != nil {
		return nil, err
	}
	defer driver.Close()
	t, err := ipvs.Dump(driver)
	if err != nil {
		return nil, err
	}
	counted, err := driver.Measure()
	if err != nil {
		return nil, err
	}
	epoch, err := netns.Epoch()
	if err != nil {
		return nil, fmt.Errorf("finding the owners of the services: %w", err)
	}
	keys, err := journal.Keys(dir.Journal(worker.LVS), epoch)
	if err != nil {
		return nil, fmt.Errorf("finding the owners of the services: %w", err)
	}
	return listing(t, counted, keys), nil
}

// listing puts a table, what was counted and the keys of a journal together.
func listing(t table.Table, counted map[conf.ServiceKey]ipvs.Measured, keys []string) []ipvsadm.Service {
	owners := make(map[conf.ServiceKey]string, len(keys))
	for _, text := range keys {
		if key, ok := table.ParseJournalKey(text); ok && owners[key] == "" {
			if owners[key] = ownedByDirector; table.IsPath(key) {
				owners[key] = forChecks
			}
		} else if key, ok := table.ParseAdoptedKey(text); ok {
			owners[key] = adopted
		}
	}
	list := ipvsadm.Services(t)
	for n := range list {
		s := &list[n]
		s.Whose = cmp.Or(owners[s.Key], ownedByOthers)
		m := counted[s.Key]
		s.Total, s.Rate = m.Total, m.Rate
		for i := range s.Servers {
			s.Servers[i].Rate = m.Servers[s.Servers[i].Key].Rate
		}
	}
	return list
}

// IPVSHeading is the first line of the kernel's own text of the table, as ipvsadm prints it:
// the version of IPVS and the size of its table of connections.
func IPVSHeading() string {
	text, _ := os.ReadFile("/proc/net/ip_vs") // without IPVS there is none
	line, _, _ := strings.Cut(string(text), "\n")
	return cmp.Or(line, "IP Virtual Server")
}

// Imported is a configuration made of a table.
type Imported struct {
	Text  string
	Notes []string // what it cannot have
}

// Import makes a configuration of services, and reads it: what director would not
// take is an error. Those of checks as_client are left out: they follow from the checks.
func Import(list []ipvsadm.Service, read func(text string) (*conf.Config, []conf.Finding)) (Imported, error) {
	all := len(list)
	list = slices.DeleteFunc(slices.Clone(list), func(s ipvsadm.Service) bool { return table.IsPath(s.Key) })
	text, notes := ipvsadm.Blocks(list)
	if n := all - len(list); n > 0 {
		notes = append(notes, words.Count(n, "service")+" of checks as_client left out: director makes them by itself")
	}
	cfg, findings := read(text)
	made := Imported{text, notes}
	wanted := table.Wanted(cfg.VirtualServers, nil)
	for _, s := range list {
		e, there := wanted[s.Key]
		if len(s.Servers) > 0 && (!there || len(e.Destinations) != len(s.Servers)) {
			return made, fmt.Errorf("a configuration cannot express %s as it is: %s", s.Key, why(findings))
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
	return "the kernel accepts values that a configuration does not"
}
