package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/lvs-director/director/supervisor/handover"
	"github.com/lvs-director/director/supervisor/overrides"
	"github.com/lvs-director/director/supervisor/statefile"
	"github.com/lvs-director/director/worker"
)

// What an operator asked for before this director started. A file that is damaged is put
// aside. One that could not be read may be another time: it stays where it is, is not
// overwritten, and is read again beside the loop.

// notInForce is why what a file of before the start says is not in force. The zero value
// says that it is.
type notInForce struct {
	err  error
	kept string // where the file is that was put aside; empty when it was not
}

func (n notInForce) String() string {
	switch {
	case n.err == nil:
		return ""
	case n.kept == "":
		return n.err.Error()
	}
	return fmt.Sprintf("%v; kept as %s", n.err, n.kept)
}

// attributes are those of a log line.
func (n notInForce) attributes() []any {
	list := []any{"error", n.err}
	if n.kept != "" {
		list = append(list, "kept_as", n.kept)
	}
	return list
}

// readHandovers reads what was handed over before this director started.
func (s *supervisor) readHandovers() {
	before, aside, err := loadHandovers(s.handoversFile())
	if s.handoversAside = aside; err != nil { // another time it may be read
		s.handoversAside = notInForce{err: err}
		s.handoverFile.ReadFirst(s.readHandoversLater)
	}
	if s.handoversAside.err != nil {
		s.log.Error("handovers from before the start are not in force", s.handoversAside.attributes()...)
	}
	s.handovers = before
	s.handovers.Expire(time.Now())
	s.followHandovers(nil)
	s.sayHandedOver(s.handovers.Instances())
}

func (s *supervisor) handoversFile() string { return handover.File(s.opts.StateDir, s.opts.File) }

// sayHandedOver says of which instances it was known at the start that they are.
func (s *supervisor) sayHandedOver(names []string) {
	if len(names) > 0 {
		s.log.Warn("handovers from before the start are in force: the peer keeps mastership", "instances",
			strings.Join(names, " "),
			"end_with", "director resume")
	}
}

// loadKept reads the file at the path, and puts it aside when it is damaged: aside says so.
// With an error it could not be read, and is where it was.
func loadKept(path string, read func() error) (aside notInForce, err error) {
	err = read()
	if err == nil || errors.As(err, new(*fs.PathError)) {
		return aside, err
	}
	kept, failed := statefile.PutAside(path)
	if failed != nil {
		kept = failed.Error()
	}
	return notInForce{err, kept}, nil
}

// loadAnnounced reads the file at the path, as loadKept, for which a file that cannot be read is no other case here.
func loadAnnounced(path string, read func() error) error {
	aside, err := loadKept(path, read)
	return errors.Join(aside.err, err)
}

func loadHandovers(path string) (before handover.Set, aside notInForce, err error) {
	aside, err = loadKept(path, func() error { return before.Load(path) })
	return before, aside, err
}

// readHandoversLater is readHandovers beside the loop, when the file could not be read at
// the start. What was asked for since stands.
func (s *supervisor) readHandoversLater() (inLoop func(), err error) {
	before, aside, err := loadHandovers(s.handoversFile())
	return func() {
		s.handoversAside = aside
		before.Expire(time.Now())
		before.Follow(nil, s.current().cfg)
		added := s.handovers.Complete(before)
		s.followHandovers(nil)
		s.tellHandovers()
		s.sayHandedOver(added)
	}, err
}

// readOverrides reads what was in force before this director started.
func (s *supervisor) readOverrides() {
	o := &s.overrides
	before, aside, err := s.loadOverrides(s.overridesFile())
	if o.aside = aside; err != nil { // another time it may be read
		o.aside = notInForce{err: err}
		o.file.ReadFirst(s.readOverridesLater)
	}
	if o.aside.err != nil {
		s.log.Error("drains and weights that were set before the start are not in force", o.aside.attributes()...)
	}
	o.set = before
	o.set.Know(s.current().cfg)
	o.set.Expire(time.Now())
	s.keepOverrides()
	for _, o := range o.set.List() {
		s.log.Warn("an override from before the start is in force", overrides.Attributes(o)...)
	}
}

func (s *supervisor) loadOverrides(path string) (before overrides.Set, aside notInForce, err error) {
	before.Host = hostName()
	aside, err = loadKept(path, func() error { return before.Load(path, worker.BootID()) })
	return before, aside, err
}

// readOverridesLater is readOverrides beside the loop, when the file could not be read at
// the start. What was asked for since stands.
func (s *supervisor) readOverridesLater() (inLoop func(), err error) {
	before, aside, err := s.loadOverrides(s.overridesFile())
	return func() {
		s.overrides.aside = aside
		before.Expire(time.Now())
		for _, o := range s.overrides.set.Complete(before) {
			s.log.Warn("an override from before the start is in force: its file can be read now", overrides.Attributes(o)...)
		}
		s.overrides.set.Know(s.current().cfg)
		s.keepOverrides()
		s.tellOverrides("")
	}, err
}

const (
	// savePatience is how long whoever asked for a change waits for it to be on the disk.
	savePatience = 5 * time.Second
	// lastWrites is how long a stop and an upgrade wait for what is being written.
	lastWrites = 5 * time.Second
)

// whenSaved calls then in the loop when what was saved last is on the disk, or will not
// be in time: why says so.
func (s *supervisor) whenSaved(f *statefile.Saver, then func(why string)) {
	told := false
	var overdue *time.Timer
	once := func(why string) {
		if told {
			return
		}
		told = true
		if overdue != nil {
			overdue.Stop()
		}
		then(why)
	}
	f.WhenSaved(once)
	if !told {
		overdue = time.AfterFunc(savePatience, func() {
			s.post(func() { once(fmt.Sprintf("the disk has not answered for %v", savePatience)) })
		})
	}
}

// finishSaving waits for what is being written, and says whether that has ended.
func (s *supervisor) finishSaving() bool {
	overdue := time.NewTimer(lastWrites)
	defer overdue.Stop()
	for s.handoverFile.IsBusy() || s.announcing.IsSaving() || s.overrides.file.IsBusy() || !s.archive.began.IsZero() {
		select {
		case e := <-s.saved:
			e.TakeIn()
		case p := <-s.archive.ended:
			s.historyPaid(p)
		case <-overdue.C:
			return false
		}
	}
	return true
}
