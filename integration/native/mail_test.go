//go:build linux

package native_test

import (
	"bufio"
	"fmt"
	"net"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// postOffice is an SMTP server in the network namespace of a host that keeps the texts of its mails.
type postOffice struct {
	t     *testing.T
	host  *lab.Host
	mu    sync.Mutex
	texts []string
	l     net.Listener
}

func openPostOffice(t *testing.T, host *lab.Host) *postOffice {
	p := &postOffice{t: t, host: host}
	p.open()
	t.Cleanup(p.close)
	return p
}

func (p *postOffice) open() {
	p.t.Helper()
	var l net.Listener
	err := p.host.Do(func() (err error) {
		l, err = net.Listen("tcp", "127.0.0.1:25")
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.l = l
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
}

func (p *postOffice) close() { p.l.Close() }

func (p *postOffice) serve(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprint(c, "220 mx.example.org ESMTP\r\n")
	var text strings.Builder
	data := false
	for lines := bufio.NewScanner(c); lines.Scan(); {
		switch l := lines.Text(); {
		case data && l == ".":
			data = false
			p.mu.Lock()
			p.texts = append(p.texts, text.String())
			p.mu.Unlock()
			text.Reset()
			fmt.Fprint(c, "250 ok\r\n")
		case data:
			text.WriteString(strings.TrimPrefix(l, ".") + "\n")
		case l == "DATA":
			data = true
			fmt.Fprint(c, "354 go ahead\r\n")
		case l == "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

var listed = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \S+ \S+ (.*)\n    (=>.*)`)

// told are the changes that were mailed, "SUBJECT => LINE <=" each, in their order.
func (p *postOffice) told() (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range p.texts {
		m, err := netmail.ReadMessage(strings.NewReader(text))
		if err != nil {
			p.t.Errorf("%v\n%s", err, text)
			continue
		}
		_, body, _ := strings.Cut(text, "\n\n")
		if several := listed.FindAllStringSubmatch(body, -1); len(several) > 0 {
			for _, one := range several {
				list = append(list, one[1]+" "+one[2])
			}
			continue
		}
		first, _, _ := strings.Cut(body, "\n")
		_, subject, _ := strings.Cut(m.Header.Get("Subject"), "] ")
		list = append(list, subject+" "+first)
	}
	return list
}

func (p *postOffice) has(text string) func() bool {
	return func() bool { return strings.Contains(strings.Join(p.told(), "\n"), text) }
}

// TestMailAsKeepalived: director and keepalived mail the same subject and the same line of each state.
func TestMailAsKeepalived(t *testing.T) {
	site := vrrpOnly(t)
	offices := [2]*postOffice{openPostOffice(t, site.Dirs[0]), openPostOffice(t, site.Dirs[1])}
	r := site.Run(t, [2]pair.Kind{stage.Director(), stage.Keepalived()}, func(_ int, c *pair.Config) {
		c.Service, c.Interval = false, 300*time.Millisecond
		c.Global = append(c.Global, "notification_email { a@example.org b@example.org }", "smtp_server 127.0.0.1",
			"notification_email_from lb@example.org", "smtp_alert")
	})
	const limit = 20 * time.Second
	const state = "VRRP Instance VI_1 - Entering "
	r.Lab.Until(limit, "MASTER is mailed", offices[0].has(state+"MASTER"))
	r.Dirs[0].Unplug("eth1")
	r.Lab.Until(limit, "FAULT is mailed", offices[0].has(state+"FAULT"))
	r.Lab.Until(limit, "MASTER is mailed by the other", offices[1].has(state+"MASTER"))
	r.Dirs[0].Plug("eth1")
	r.Lab.Until(limit, "BACKUP is mailed", offices[0].has(state+"BACKUP"))
	r.Lab.Until(limit, "BACKUP is mailed by the other", offices[1].has(state+"BACKUP"))
	r.Dirs[1].Unplug("eth1")
	r.Lab.Until(limit, "FAULT is mailed by the other", offices[1].has(state+"FAULT"))
	r.Lab.Until(limit, "MASTER is mailed again", func() bool { return len(offices[0].told()) == 4 })

	ours, theirs := offices[0].told(), offices[1].told()
	kinds := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	if diff := cmp.Diff(kinds(theirs), kinds(ours)); diff != "" {
		t.Errorf("mailed (-keepalived +director):\n%s", diff)
	}
	for i, want := range []string{"MASTER", "FAULT", "BACKUP", "MASTER"} {
		if !strings.HasPrefix(ours[i], state+want) {
			t.Errorf("mail %d is about %q, want %s", i, ours[i], want)
		}
	}
}

// TestMailOutlives an upgrade and a stop: what a dead server has not taken comes when it is back, once; a
// dead server is a problem of status; director notify test says what happens.
func TestMailOutlives(t *testing.T) {
	site := vrrpOnly(t)
	office := openPostOffice(t, site.Dirs[0])
	director := stage.Director()
	r := site.Run(t, [2]pair.Kind{director, director}, func(i int, c *pair.Config) {
		c.Service, c.Interval = false, 100*time.Millisecond
		if i == 0 {
			c.Global = append(c.Global, "notification_email { a@example.org }", "smtp_server 127.0.0.1",
				"smtp_alert")
		}
	})
	const limit = 40 * time.Second
	const state = "VRRP Instance VI_1 - "
	ask := func(words ...string) string {
		out, _ := r.Dirs[0].Output(r.Daemons[0].AskCommand(words...)...)
		return out
	}
	r.Lab.Until(limit, "MASTER is mailed", office.has(state+"Entering MASTER"))
	if out := ask("notify", "test"); !strings.Contains(out, "mail to 127.0.0.1:25: sent in") ||
		!strings.Contains(out, "accepted for a@example.org") || !office.has("Test of notifications")() {
		t.Errorf("director notify test: %s", out)
	}
	office.close()
	r.Dirs[0].Unplug("eth1")
	r.Lab.Until(limit, "status has the problem", func() bool {
		return strings.Contains(ask("status"), "! mail cannot be delivered to 127.0.0.1:25")
	})
	if out := ask("notify", "test"); !strings.Contains(out, "failed after") ||
		!strings.Contains(out, "connection refused") {
		t.Errorf("director notify test: %s", out)
	}
	if out := ask("upgrade"); !strings.Contains(out, "goes on as pid") {
		t.Fatal(out)
	}
	if office.has("FAULT")() {
		t.Fatal("the mail has left")
	}
	office.open()
	r.Lab.Until(limit, "the mail of before the upgrade", office.has(state+"Entering FAULT"))
	r.Lab.Until(limit, "status is without the problem", func() bool {
		return !strings.Contains(ask("status"), "mail cannot be delivered")
	})

	office.close()
	r.Daemons[0].Terminate()
	r.Daemons[0].WaitEnd(20 * time.Second)
	office.open()
	for range 2 { // what was kept is sent by the first of them
		r.StartDaemon(0, director)
		r.Lab.Until(limit, "the mail of before the stop", office.has(state+"Stopping"))
		r.Daemons[0].KillAll()
		r.Daemons[0].WaitEnd(20 * time.Second)
	}
	if list := office.told(); strings.Count(strings.Join(list, "\n"), "Stopping") != 1 ||
		strings.Count(strings.Join(list, "\n"), "Entering FAULT") > 2 {
		t.Errorf("mailed:\n%s", strings.Join(list, "\n"))
	}
}
