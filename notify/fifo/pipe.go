package fifo

import (
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/mailbox"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/retry"
)

const (
	// MaxWaiting is how many lines of one FIFO wait beside the latest of each object.
	MaxWaiting = 4096
	// maxPipe is how much is remembered of what was written, in bytes: more is in no pipe
	// (/proc/sys/fs/pipe-max-size).
	maxPipe = 1 << 20
	// shortestPause and longestPause are between two looks whether a full pipe has room.
	shortestPause, longestPause = 10 * time.Millisecond, time.Second
	// lookInterval is how often it is looked whether the path is still the FIFO.
	lookInterval = time.Second
	// MaxRecent is how many of the last lines of a FIFO are remembered for status.
	MaxRecent = 256
)

// waiting is a line that waits.
type waiting struct {
	Line
	Key string // a later line of it makes it old
}

// pipe is a FIFO of the configuration. It belongs to the goroutine of FIFOs.
type pipe struct {
	*FIFOs
	keyword   string
	vrrp, lvs bool // what is written to it
	path      string
	file      *opened
	opening   retry.Retry
	about     Made      // that it is about to be made; the zero Made when it is not
	announced time.Time // since when
	looked    time.Time // when the path was looked at
	problem   string    // why it is not open
	said      string    // the problem that was logged

	waiting mailbox.Record[string, waiting]
	full    time.Duration // the pause until the next look; 0 is that there is room
	retryAt time.Time
	done    []waiting // what was written last
	size    int       // of it, in bytes
	recent  []Told
	written uint64
	lost    uint64 // lines that were left out
	lostNow int    // of those the ones that the log has not counted
	told    bool   // the log has said that lines are left out

	script script
}

// put adds a line. One that tells a state makes earlier ones of its object old.
func (p *pipe) put(h notify.Happening, state bool) {
	if h.Kind.LVS() && !p.lvs || !h.Kind.LVS() && !p.vrrp {
		return
	}
	w := waiting{Line: newLine(h)}
	w.Key = w.Object
	if !state {
		w.Key += " " + h.State
	}
	if len(w.Text) > maxLine {
		p.log.Warn("a line is too long for a FIFO and is left out", "fifo", p.keyword, "object", w.Object)
		p.lost++
		return
	}
	p.add(w)
}

func (p *pipe) add(w waiting) {
	left, next := p.waiting.Add(w.Key, w, MaxWaiting)
	if next == nil {
		return
	}
	p.lost++
	p.lostNow++
	p.remember(Told{Line: left.Line, Result: LeftOut})
	if !p.told {
		p.told = true
		p.log.Warn("a FIFO is full: earlier states are left out until somebody reads it", "fifo", p.keyword, "path", p.path,
			"waiting", p.waiting.Len())
	}
}

// renew puts what a new reader has to know before what waits: the present state of every
// object of which nothing waits, and what the reader before has not read.
func (p *pipe) renew(unread []waiting) {
	later := p.waiting.Take(p.waiting.Len())
	all := append(unread, later...)
	known := make(map[string]bool, len(all))
	for _, w := range all {
		known[w.Key] = true
	}
	for _, h := range p.states.list() {
		if !known[newLine(h).Object] {
			p.put(h, true)
		}
	}
	for _, w := range all {
		p.add(w)
	}
	p.full = 0
}

// takeBack takes out of the pipe what was written here and nobody has read, as whole lines.
func (p *pipe) takeBack() []waiting {
	if p.file == nil || len(p.done) == 0 {
		return nil
	}
	n := p.file.drain()
	from := len(p.done)
	for n > 0 && from > 0 {
		from--
		n -= len(p.done[from].Text)
		p.size -= len(p.done[from].Text)
		p.written--
	}
	unread := slices.Clone(p.done[from:])
	p.done = p.done[:from]
	return unread
}

// step does what can be done now, and returns when there is something to do again.
func (p *pipe) step(now time.Time) time.Time {
	if !p.alone() {
		return now.Add(time.Hour) // the end of it is told
	}
	if p.file != nil && now.Sub(p.looked) >= lookInterval {
		p.look(now)
	}
	if p.file == nil {
		if !p.opening.Ready(now) {
			return p.opening.Next()
		}
		if !p.mayMake(now) {
			return p.announced.Add(notePatience)
		}
		p.open(now)
		if p.file == nil {
			return p.opening.Next()
		}
	}
	next := p.looked.Add(lookInterval)
	if at := p.run(now); !at.IsZero() && at.Before(next) {
		next = at
	}
	p.write(now)
	if p.full > 0 && p.retryAt.Before(next) {
		next = p.retryAt
	}
	return next
}

// look sees to it that the path is still the FIFO that is open.
func (p *pipe) look(now time.Time) {
	p.looked = now
	if at(p.path) == p.file.id {
		return
	}
	p.log.Warn("a FIFO was removed or replaced: opening it anew", "fifo", p.keyword, "path", p.path)
	p.shut(false)
	p.script.end() // it reads what nobody writes any more
	p.opening.Repaired(now)
}

// shut closes the FIFO. What nobody has read of it waits again.
func (p *pipe) shut(remove bool) {
	unread := p.takeBack()
	p.file.close(p.path, remove)
	p.file, p.done, p.size = nil, nil, 0
	later := p.waiting.Take(p.waiting.Len())
	for _, w := range append(unread, later...) {
		p.add(w)
	}
}

// open opens the FIFO.
func (p *pipe) open(now time.Time) {
	file, err := open(p.path, p.reader(), p.made.earlier)
	if err != nil {
		p.problem = err.Error()
		if p.said != p.problem {
			p.said = p.problem
			p.log.Error("a FIFO cannot be written: trying again", "fifo", p.keyword, "error", err)
		}
		p.opening.Failed(now)
		return
	}
	if p.said != "" {
		p.log.Info("a FIFO is written again", "fifo", p.keyword, "path", p.path)
	}
	p.file, p.about, p.problem, p.said, p.looked = &file, Made{}, "", "", now
	p.reclaim()
	p.renew(nil)
}

// write writes what there is room for.
func (p *pipe) write(now time.Time) {
	if p.full > 0 && now.Before(p.retryAt) {
		return
	}
	for p.waiting.Len() > 0 {
		batch, text := p.waiting.First(64), []byte(nil)
		lines := 0
		for _, w := range batch {
			if len(text)+len(w.Text) > maxLine {
				break
			}
			text = append(text, w.Text...)
			lines++
		}
		ok, err := p.file.write(text)
		if err == nil && !ok && lines > 1 {
			lines = 1
			ok, err = p.file.write([]byte(batch[0].Text))
		}
		if err != nil {
			p.problem = err.Error()
			p.file.close(p.path, false)
			p.file = nil
			p.opening.Failed(now)
			return
		}
		if !ok {
			p.full = min(max(2*p.full, shortestPause), longestPause)
			p.retryAt = now.Add(p.full)
			return
		}
		p.full = 0
		for _, w := range p.waiting.Take(lines) {
			p.wrote(now, w)
		}
	}
	p.full = 0
	p.sayLost()
}

// wrote notes that a line was written.
func (p *pipe) wrote(now time.Time, w waiting) {
	p.written++
	p.done, p.size = append(p.done, w), p.size+len(w.Text)
	for p.size > maxPipe {
		p.size -= len(p.done[0].Text)
		p.done = p.done[1:]
	}
	p.remember(Told{Line: w.Line, Written: now, Result: Written})
}

// sayLost counts in the log what was left out, when all that waited is written.
func (p *pipe) sayLost() {
	if p.lostNow > 0 {
		p.log.Warn("states were left out of a FIFO, whose reader was too slow or absent; the latest state of each object is "+
			"written", "fifo", p.keyword, "path", p.path, "lines", p.lostNow)
	}
	p.lostNow, p.told = 0, false
}

func (p *pipe) remember(t Told) {
	if len(p.recent) == MaxRecent {
		p.recent = slices.Delete(p.recent, 0, MaxRecent/4)
	}
	p.recent = append(p.recent, t)
}

// configure fits it to the configuration.
func (p *pipe) configure(c conf.FIFO, g conf.Global) {
	var cmd program.Command
	if c.Path != "" && !c.Script.IsZero() {
		cmd = program.Of(c.Script, g, c.Path)
	}
	p.script.want(cmd)
	if p.path == c.Path {
		return
	}
	if p.file != nil {
		p.shut(true)
	}
	if c.Path == "" { // one that comes back begins with what is then
		p.waiting.Take(p.waiting.Len())
		p.lostNow, p.told = 0, false
	}
	p.path, p.about, p.opening, p.problem, p.said = c.Path, Made{}, retry.Retry{}, "", ""
}

// empty says whether all was written and read.
func (p *pipe) empty() bool { return p.file == nil || p.waiting.Len() == 0 && p.file.unread() == 0 }

// finish closes it: whoever reads it reads the end.
func (p *pipe) finish() {
	p.about = Made{}
	if lines := p.waiting.Len() + p.lostNow; p.path != "" && lines > 0 {
		p.log.Warn("lines of a FIFO were not written: nobody reads it", "fifo", p.keyword, "path", p.path, "lines", lines)
	}
	if p.file != nil {
		p.file.close(p.path, true)
		p.file = nil
	}
}
