package virtualserver

import (
	"fmt"
	"maps"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// reconcile is one round: the kernel's services, the real servers of some of
// them, and what failed before.
func (k *keeper) reconcile() {
	if k.idle() || !k.started {
		return
	}
	maps.Copy(k.dirty, k.retry)
	clear(k.retry)
	if k.read() {
		k.readSome()
	}
	k.sync()
	k.report()
}

// open reaches the kernel when it is needed for the first time.
func (k *keeper) open() bool {
	if k.driver != nil {
		return true
	}
	d, err := k.Open()
	if err != nil {
		k.troubled(err)
		return false
	}
	k.driver = d
	return true
}

// read compares the kernel's services with what they were believed to be, and
// reads the real servers of those that are new or stale.
func (k *keeper) read() bool {
	if !k.open() {
		return false
	}
	services, err := k.driver.Services()
	if err != nil {
		k.troubled(err)
		return false
	}
	seen := keys{}
	for _, s := range services {
		if _, wanted := k.want[s.Key]; !wanted && !k.held[s.Key] {
			continue // somebody else's
		}
		seen.add(s.Key)
		e, known := k.have[s.Key]
		switch {
		case !known || k.stale.has(s.Key):
			if err := k.readEntry(s); err != nil {
				k.troubled(err)
				return false
			}
			k.dirty.add(s.Key)
		case !table.SameService(e.Service, s):
			e.Service = s
			k.have[s.Key] = e
			k.drifted(s.Key, "its scheduler, flags or persistence were changed")
		}
	}
	for key := range k.have {
		if !seen.has(key) {
			delete(k.have, key)
			k.drifted(key, "it was missing")
		}
	}
	k.looked = true
	if k.trouble != "" {
		k.Log.Info("the IPVS table can be read again")
		k.trouble = ""
		k.changeAll()
	}
	return true
}

// readEntry reads the real servers of a service that is listed.
func (k *keeper) readEntry(s table.Service) error {
	destinations, err := k.driver.Destinations(s.Key)
	if err != nil {
		return err
	}
	k.have[s.Key] = ipvs.Entry(s, destinations)
	delete(k.stale, s.Key)
	return nil
}

// readSome compares the real servers of as many services as it takes to see
// all of them in reconcileRound rounds, of small tables all every time.
func (k *keeper) readSome() {
	cost := func(key conf.ServiceKey) int { return 1 + len(k.have[key].Destinations) }
	total := 0
	for _, key := range k.ring {
		total += cost(key)
	}
	k.credit = min(k.credit+max(total/reconcileRound+1, reconcileAtOnce), total)
	for range k.ring {
		key := k.ring[k.next]
		if k.credit < cost(key) {
			return
		}
		k.credit -= cost(key)
		k.next = (k.next + 1) % len(k.ring)
		before, known := k.have[key]
		if !known {
			continue // it could not be added
		}
		if err := k.readEntry(before.Service); err != nil {
			k.troubled(err)
			return
		}
		if text := difference(before, k.have[key]); text != "" {
			k.drifted(key, text)
		}
	}
}

// difference says in words how the real servers of a service were changed.
func difference(before, now table.Entry) string {
	key := before.Service.Key
	now.Service = before.Service
	counts := make(map[table.OpKind]int)
	for _, op := range table.Diff(table.Table{key: before}, table.Table{key: now}, nil) {
		counts[op.Kind]++
	}
	var parts []string
	for _, c := range []struct {
		kind table.OpKind
		word string
	}{
		{table.NewDestination, "missing"},
		{table.SetDestination, "changed"},
		{table.DelDestination, "added"},
	} {
		if n := counts[c.kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c.word))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "real servers were " + strings.Join(parts, ", ")
}

// drifted notes what somebody else did to a service that was as wanted.
func (k *keeper) drifted(key conf.ServiceKey, text string) {
	k.dirty.add(key)
	if s := k.servers[key]; s != nil && s.synced && k.drift[key] == "" {
		k.drift[key] = text
	}
}

// repairLines is how many repairs of one round have a line of their own.
const repairLines = 5

// tellRepairs logs and counts what was put back.
func (k *keeper) tellRepairs(done []table.Op) {
	if len(k.drift) == 0 {
		return
	}
	count, example := make(map[conf.ServiceKey]int), make(map[conf.ServiceKey]string)
	for _, op := range done {
		key := op.Key()
		if count[key]++; count[key] == 1 {
			example[key] = op.String()
		}
	}
	var repaired []conf.ServiceKey
	for _, key := range k.ring {
		text, drifted := k.drift[key]
		s := k.servers[key]
		if !drifted || len(s.failures) > 0 {
			continue
		}
		delete(k.drift, key)
		if count[key] == 0 {
			continue // changed to what is wanted
		}
		s.repaired++
		k.changed.add(key)
		if repaired = append(repaired, key); len(repaired) > repairLines {
			continue
		}
		k.Log.Warn("virtual server was changed by somebody else and is repaired",
			"virtual_server", key.String(), "found", text, "operations", count[key], "first", example[key])
	}
	if n := len(repaired) - repairLines; n > 0 {
		k.Log.Warn("more virtual servers were changed by somebody else and are repaired", "virtual_servers", n)
	}
	for key := range k.drift {
		if k.servers[key] == nil {
			delete(k.drift, key)
		}
	}
}

// troubled notes that the kernel's table cannot be read, and says so once.
func (k *keeper) troubled(err error) {
	if text := err.Error(); text != k.trouble {
		k.Log.Error("the IPVS table cannot be kept as configured, will be tried again", "error", text)
		k.trouble = text
		k.changeAll()
	}
}
