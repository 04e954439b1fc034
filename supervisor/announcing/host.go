package announcing

import (
	"log/slog"
	"os"
	"sync"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/worker/journal"
)

// kernelServices reads which services the kernel has.
func kernelServices() func() (map[conf.ServiceKey]bool, error) {
	open := ipvs.Opener()
	var driver ipvs.Driver
	return func() (map[conf.ServiceKey]bool, error) {
		if driver == nil {
			d, err := open()
			if err != nil {
				return nil, err
			}
			driver = d
		}
		list, err := driver.Services()
		if err != nil {
			_ = driver.Close()
			driver = nil
			return nil, err
		}
		m := make(map[conf.ServiceKey]bool, len(list))
		for _, s := range list {
			m[s.Key] = true
		}
		return m, nil
	}
}

// lazyJournal is a journal that is made when there is something to write, or when there is one already: most
// directors announce nothing.
type lazyJournal struct {
	path  string
	epoch func() (string, error)
	log   *slog.Logger

	mu     sync.Mutex
	tried  bool
	opened *journal.Journal
	err    error
}

// open opens it; nil is that it cannot be, or need not be.
func (l *lazyJournal) open(make bool) *journal.Journal {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened != nil || l.tried && l.err != nil {
		return l.opened
	}
	if _, err := os.Stat(l.path); os.IsNotExist(err) && !make {
		return nil
	}
	l.tried = true
	epoch, err := l.epoch()
	if err == nil {
		l.opened, err = journal.OpenAnyway(l.path, epoch)
	}
	if l.err = err; err != nil {
		l.log.Error("failed to write the journal of announced addresses: they are not recorded on disk", "error", err)
	}
	return l.opened
}

// Held implements announce.Journal.
func (l *lazyJournal) Held() []string {
	if j := l.open(false); j != nil {
		return j.Held()
	}
	return nil
}

// Claim implements announce.Journal.
func (l *lazyJournal) Claim(keys ...string) error {
	if j := l.open(true); j != nil {
		return j.Claim(keys...)
	}
	return nil // which is a problem of its own
}

// Release implements announce.Journal.
func (l *lazyJournal) Release(keys ...string) error {
	if j := l.open(false); j != nil {
		return j.Release(keys...)
	}
	return nil
}

// problem is why it is not written.
func (l *lazyJournal) problem() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err.Error()
	}
	return ""
}

// close releases it; an empty one goes.
func (l *lazyJournal) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened != nil {
		_ = l.opened.Close()
		_ = journal.RemoveEmpty(l.path)
	}
}
