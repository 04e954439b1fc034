package watch

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/lvs-director/director/supervisor/control"
)

// ErrNoTerminal says that there is no screen to draw on.
var ErrNoTerminal = errors.New("--watch needs a terminal: use --json, or ask again and again")

// Options are what is watched, and where.
type Options struct {
	In, Out  *os.File                       // the terminal
	Ask      func() (control.Status, error) // the running director
	Interval time.Duration                  // between two answers
	Name     string                         // of what is shown at first; empty is all
}

const (
	enter = "\x1b[?1049h\x1b[?25l" // the other screen, without a cursor
	leave = "\x1b[?25h\x1b[?1049l"
)

// answer is what came of a question.
type answer struct {
	status control.Status
	err    error
}

// Run draws until a key or a signal ends it. However it ends, a panic too, the terminal is as it was before.
func Run(o Options) error {
	if !term.IsTerminal(int(o.In.Fd())) || !term.IsTerminal(int(o.Out.Fd())) {
		return ErrNoTerminal
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGWINCH)
	defer signal.Stop(signals)
	before, err := term.MakeRaw(int(o.In.Fd()))
	if err != nil {
		return fmt.Errorf("setting up the terminal: %w", err)
	}
	defer func() { _ = term.Restore(int(o.In.Fd()), before) }() // there is nobody to tell
	if _, err := o.Out.WriteString(enter); err != nil {
		return fmt.Errorf("writing to the terminal: %w", err)
	}
	defer o.Out.WriteString(leave) //nolint:errcheck // as above
	over := make(chan struct{})
	defer close(over)
	return (&screen{Options: o, view: View{Now: time.Now(), Filter: o.Name}}).loop(signals, keys(o.In, over), over)
}

// screen is what is drawn.
type screen struct {
	Options
	view  View
	drawn string
}

// loop is told of answers, keys and signals.
func (s *screen) loop(signals <-chan os.Signal, keys <-chan string, over <-chan struct{}) error {
	answers := make(chan answer, 1)
	asking := false
	ask := func() {
		if asking {
			return // the last question is not answered yet
		}
		asking = true
		go func() {
			var a answer
			defer func() {
				if p := recover(); p != nil { // the terminal has to be put right first
					a.err = fmt.Errorf("asking director: %v", p)
				}
				answers <- a
			}()
			a.status, a.err = s.Ask()
		}()
	}
	next := time.NewTicker(s.Interval)
	defer next.Stop()
	ask()
	for {
		if err := s.draw(); err != nil {
			return err
		}
		select {
		case sig := <-signals:
			if sig != syscall.SIGWINCH {
				return nil
			}
			s.drawn = ""
		case <-next.C:
			ask()
		case a := <-answers:
			asking = false
			if a.err != nil {
				s.view.Error = a.err.Error()
				break
			}
			s.view.Status, s.view.Heard, s.view.Error = &a.status, time.Now(), ""
		case key, ok := <-keys:
			if !ok || !s.view.Key(key, max(s.size().Height-6, 1)) {
				return nil
			}
		}
	}
}

// size is that of the terminal; one that does not tell has 80x24.
func (s *screen) size() Size {
	w, h, err := term.GetSize(int(s.Out.Fd()))
	if err != nil || w < 1 || h < 1 {
		return Size{80, 24}
	}
	return Size{w, h}
}

// draw draws what is different from before.
func (s *screen) draw() error {
	s.view.Now = time.Now()
	var b strings.Builder
	b.WriteString("\x1b[H")
	for n, line := range s.view.Lines(s.size()) {
		if n > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(line)
		b.WriteString("\x1b[K")
	}
	b.WriteString("\x1b[J")
	text := b.String()
	if text == s.drawn {
		return nil
	}
	s.drawn = text
	if _, err := s.Out.WriteString(text); err != nil {
		return fmt.Errorf("writing to the terminal: %w", err)
	}
	return nil
}

// keys reads keys until the terminal is gone, or nobody wants them: then the last read is left behind.
func keys(in *os.File, over <-chan struct{}) <-chan string {
	all := make(chan string)
	go func() {
		defer close(all)
		buffer := make([]byte, 64)
		for {
			n, err := in.Read(buffer)
			if err != nil || n == 0 {
				return
			}
			for _, key := range Split(string(buffer[:n])) {
				select {
				case all <- key:
				case <-over:
					return
				}
			}
		}
	}()
	return all
}

// Split are the keys in what a terminal has sent: characters, and sequences such as that of an arrow.
func Split(text string) (list []string) {
	for len(text) > 0 {
		n := 1
		switch {
		case len(text) > 2 && text[0] == 0x1b && (text[1] == '[' || text[1] == 'O'):
			n = 3
			for n < len(text) && (text[n-1] >= '0' && text[n-1] <= '9' || text[n-1] == ';') {
				n++
			}
		default:
			for n < len(text) && text[n]&0xc0 == 0x80 { // the rest of a character
				n++
			}
		}
		list, text = append(list, text[:n]), text[n:]
	}
	return list
}
