package ipvsadm_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvsadm"
	"github.com/lvs-director/director/virtualserver/table"
)

// saved is what ipvsadm-save -n of ipvsadm 1.31 writes.
const saved = `-A -f 5 -s rr
-a -f 5 -r 10.0.0.4:0 -g -w 1
-A -f 5 -6 -s rr -p 60 -M 64
-a -f 5 -6 -r [2001:db8::4]:0 -g -w 1
-A -t 192.0.2.10:0 -s wlc -p 300 -M 255.255.255.0
-a -t 192.0.2.10:0 -r 10.0.0.2:0 -g -w 1
-A -t 192.0.2.10:80 -s mh -b mh-fallback,mh-port
-a -t 192.0.2.10:80 -r 10.0.0.2:8080 -m -w 3 -x 100 -y 50
-a -t 192.0.2.10:80 -r 10.0.0.3:80 -i -w 0 --tun-type ipip
-a -t 192.0.2.10:80 -r 10.0.0.4:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-a -t 192.0.2.10:80 -r 10.0.0.5:80 -i -w 100000 --tun-type gre --tun-nocsum
-A -u 192.0.2.10:5060 -s rr -p 360 --pe sip -o
-a -u 192.0.2.10:5060 -r 10.0.0.2:5060 -g -w 1
-A --sctp-service [2001:db8::10]:80 -s wrr -b flag-3
-a --sctp-service [2001:db8::10]:80 -r [2001:db8::2]:80 -m -w 7
`

func parse(t *testing.T, text string) []ipvsadm.Service {
	t.Helper()
	list, errs := ipvsadm.Parse(text)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return list
}

func save(t testing.TB, list []ipvsadm.Service) string {
	t.Helper()
	var b strings.Builder
	if err := ipvsadm.Save(&b, list); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSaveWritesWhatParseReads(t *testing.T) {
	if diff := cmp.Diff(saved, save(t, parse(t, saved))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLongOptionsAndDefaults(t *testing.T) {
	list := parse(t, `
# made by hand
ipvsadm --add-service --tcp-service=192.0.2.10:80
--add-server --tcp-service 192.0.2.10:80 --real-server 10.0.0.2 --masquerading --weight=5
-a -t 192.0.2.10:80 -r 10.0.0.3:81
-A -t 192.0.2.10:81 -p -s lc
`)
	want := `-A -t 192.0.2.10:80 -s wlc
-a -t 192.0.2.10:80 -r 10.0.0.2:80 -m -w 5
-a -t 192.0.2.10:80 -r 10.0.0.3:81 -g -w 1
-A -t 192.0.2.10:81 -s lc -p 360
`
	if diff := cmp.Diff(want, save(t, list)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestList(t *testing.T) {
	list := parse(t, saved)
	list[0].Whose, list[2].Whose = "director's", "not director's"
	list[3].Servers[0].Counts = table.Counts{Active: 12, Inactive: 3}
	var b strings.Builder
	if err := ipvsadm.List(&b, "IP Virtual Server version 1.2.1 (size=4096)", list); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nFWM  5 rr  # director's\n  -> 10.0.0.4:0                   Route   1      0          0         \n",
		"\nFWM  5 IPv6 rr persistent 60 mask 64\n",
		"\nTCP  192.0.2.10:0 wlc persistent 300 mask 255.255.255.0  # not director's\n",
		"\nTCP  192.0.2.10:80 mh (mh-fallback,mh-port)\n" +
			"  -> 10.0.0.2:8080                Masq    3      12         3         \n" +
			"  -> 10.0.0.3:80                  Tunnel  0      0          0         \n",
		"\nUDP  192.0.2.10:5060 rr persistent 360 pe sip ops\n",
		"\nSCTP [2001:db8::10]:80 wrr (flag-3)\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in:\n%s", want, b.String())
		}
	}
}

// TestImportedTableIsTheWantedOne: import, load, and the table that is wanted is the
// one that was there.
func TestImportedTableIsTheWantedOne(t *testing.T) {
	list := parse(t, saved)
	want := make(table.Table)
	for _, s := range list {
		var destinations []table.Destination
		for _, d := range s.Servers {
			destinations = append(destinations, d.Destination)
		}
		want[s.Key] = ipvs.Entry(s.Service, destinations)
	}
	text, notes := ipvsadm.Blocks(list)
	if len(notes) > 0 {
		t.Errorf("notes: %q", notes)
	}
	cfg, findings := load.LoadText("import", text, load.Options{})
	for _, f := range findings {
		if f.Severity != conf.Note && f.Code != "unknown-scheduler" {
			t.Errorf("%s\n%s", f, text)
		}
	}
	got := table.Wanted(cfg.VirtualServers, nil)
	ignore := cmpopts.IgnoreFields(table.Service{}, "Engine")
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b conf.ServiceKey) bool { return a == b }),
		cmp.Comparer(func(a, b conf.ServerKey) bool { return a == b }), ignore); diff != "" {
		t.Errorf("(-want +got):\n%s\nof:\n%s", diff, text)
	}
	for _, vs := range cfg.VirtualServers {
		for n, rs := range vs.RealServers {
			for _, s := range list {
				if s.Key == table.Canonical(vs.Key) && s.Servers[n].Tunnel.Type != rs.Tunnel.Type {
					t.Errorf("%s of %s: tunnel %+v, want %+v", rs, vs, rs.Tunnel, s.Servers[n].Tunnel)
				}
			}
		}
	}
}

func TestErrorsHaveTheirLines(t *testing.T) {
	const service, server = "-A -t 192.0.2.1:80", "-a -t 192.0.2.1:80"
	for text, want := range map[string]string{
		"-C":                             "line 1: unknown option \"-C\"",
		"\n\nfoo":                        "line 3: unknown option",
		"-A -t www.example.com:http":     "line 1: \"www.example.com:http\" is not a numeric address and port",
		service + " -s":                  "line 1: -s needs a value",
		service + " -s a{b":              "is not a scheduler",
		service + " -u 1.2.3.4:5":        "needs one of",
		"-A -f 0":                        "the firewall mark",
		"-A -f 4294967296":               "the firewall mark",
		service + " -p 0":                "the persistence time-out",
		service + " -p 9 -M 255.0.255.0": "is not a netmask",
		service + " -p 9 -M 0.0.0.0":     "is not a netmask",
		"-A -t [fe80::1%eth0]:80":        "cannot be the address of a server",
		service + " -w 3":                "an option of real servers",
		service + " -t 192.0.2.1:80":     "the line has -t twice",
		server + " -r 10.0.0.1:80":       "which no earlier line adds",
		service + "\n" + service:         "line 2: the virtual server [192.0.2.1]:tcp:80 is on an earlier line already",
		service + "\n" + server:          "line 2: a real server needs -r",
		service + "\n" + server + " -r 10.0.0.1:80 -w 99999999999":                 "line 2: -w: ",
		service + "\n" + server + " -r 10.0.0.1:80 -m -g":                          "more than one of -g, -i and -m",
		service + "\n" + server + " -r 10.0.0.1:80 -y 5":                           "the lower threshold 5 is above",
		service + "\n" + server + " -r 10.0.0.1:80 -i --tun-type gue":              "needs --tun-port",
		service + "\n" + server + " -r 10.0.0.1:80\n" + server + " -r 10.0.0.1:80": "line 3: the real server",
	} {
		list, errs := ipvsadm.Parse(text)
		if len(errs) == 0 || list != nil || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, list, errs, want)
		}
	}
	if _, errs := ipvsadm.Parse(strings.Repeat("foo\n", 1000)); len(errs) != 20 {
		t.Errorf("%d errors are told", len(errs))
	}
}

// FuzzParse: whatever the text is, nothing panics, and what is read is what is written.
func FuzzParse(f *testing.F) {
	f.Add(saved)
	f.Add("-A -t 192.0.2.1:80 -p\n-a -t 192.0.2.1:80 -r 10.0.0.1")
	f.Add("-A -f 1 --pe=sip -p -b flag-1")
	f.Fuzz(func(t *testing.T, text string) {
		list, errs := ipvsadm.Parse(text)
		if len(errs) > 0 {
			if list != nil {
				t.Fatal("errors, and half of a table")
			}
			return
		}
		first := save(t, list)
		again, errs := ipvsadm.Parse(first)
		if len(errs) > 0 {
			t.Fatalf("%v of:\n%s", errs, first)
		}
		if second := save(t, again); first != second {
			t.Fatalf("%q and then %q", first, second)
		}
		blocks, _ := ipvsadm.Blocks(list)
		cfg, findings := load.LoadText("import", blocks, load.Options{})
		for _, s := range cfg.VirtualServers {
			if s.Key.FWMark == 0 && !s.Key.Address.IsValid() {
				t.Fatalf("%v: %v", s, findings)
			}
		}
	})
}
