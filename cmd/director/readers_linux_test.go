package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/signals"
)

// What the programs do that read keepalived's dumps, as far as it is known of each, with a daemon that was
// started as keepalived.

const readersConf = `global_defs {
    script_user root
    enable_script_security
}
vrrp_script chk_ok {
    script /bin/true
    interval 1
    weight 20
}
vrrp_script chk_bad {
    script /bin/false
    interval 1
    weight 5
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 100
    version 3
    advert_int 0.1
    garp_master_delay 3
    virtual_ipaddress {
        10.77.0.100/24
        10.77.0.101/24 label eth0:1
    }
    virtual_ipaddress_excluded {
        10.77.0.150
    }
    track_script {
        chk_ok
        chk_bad
    }
}
vrrp_instance VI_2 {
    interface eth0
    virtual_router_id 52
    priority 90
    version 3
    advert_int 40
    virtual_ipaddress {
        10.77.0.200/24
    }
}
`

// readable starts a daemon whose dumps are in the folder of the box, and waits for a master and for results
// of both scripts.
func readable(t *testing.T) *box {
	t.Helper()
	b := newBox(t)
	b.write("r.conf", readersConf)
	b.says(0, "TMPDIR=$PWD keepalived --use-file $PWD/r.conf --pid /run/keepalived.pid -P --snmp")
	b.is("director status --json | grep -c '\"state\": \"MASTER\"'", "1")
	b.until("both scripts have run, and their result counts", func() bool {
		b.ask(signals.JSON)
		list := decode(t, b.await("keepalived.json"))
		return len(list) == 2 && list[0].Data.Effective == 120
	})
	return b
}

// ask sends the daemon a signal.
func (b *box) ask(s unix.Signal) {
	b.t.Helper()
	b.says(0, fmt.Sprintf("kill -%d $(cat /run/keepalived.pid)", s))
}

// await gives a dump and removes it, as a reader does that wants a new one.
func (b *box) await(name string) []byte {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	var text []byte
	b.until(name+" is there", func() (there bool) {
		var err error
		text, err = os.ReadFile(path)
		return err == nil
	})
	_ = os.Remove(path)
	return text
}

// exported is an instance with what both exporters decode of it, and with their types.
type exported struct {
	Data struct {
		Name       string   `json:"iname"`
		State      int      `json:"state"`
		Wanted     int      `json:"wantstate"`
		Interface  string   `json:"ifp_ifname"`
		VMAC       string   `json:"vmac_ifname"`
		Last       float64  `json:"last_transition"`
		GARPDelay  int      `json:"garp_delay"`
		VRID       int      `json:"vrid"`
		Base       int      `json:"base_priority"`
		Effective  int      `json:"effective_priority"`
		MasterPrio int      `json:"master_priority"`
		Addresses  []string `json:"vips"`
		Excluded   []string `json:"evips"`
	} `json:"data"`
	Stats map[string]int `json:"stats"`
}

func decode(t *testing.T, text []byte) (list []exported) {
	t.Helper()
	if err := json.Unmarshal(text, &list); err != nil {
		t.Errorf("%v in %s", err, text)
	}
	return list
}

// watch is what inotify says of a folder.
type watch struct {
	t  *testing.T
	fd int
}

func newWatch(t *testing.T, dir string) *watch {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == nil {
		t.Cleanup(func() { unix.Close(fd) })
		_, err = unix.InotifyAddWatch(fd, dir, unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO|unix.IN_CREATE)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &watch{t, fd}
}

// events are those that have come.
func (w *watch) events(each func(name string, mask uint32)) {
	buffer := make([]byte, 64<<10)
	n, err := unix.Read(w.fd, buffer)
	if err != nil {
		return // nothing has come
	}
	for rest := buffer[:n]; len(rest) >= unix.SizeofInotifyEvent; {
		e := (*unix.InotifyEvent)(unsafe.Pointer(&rest[0]))
		end := unix.SizeofInotifyEvent + int(e.Len)
		each(string(bytes.TrimRight(rest[unix.SizeofInotifyEvent:end], "\x00")), e.Mask)
		rest = rest[end:]
	}
}

// TestVyOSWaitsForTheClose of each file by inotify for at most 30 seconds, and reads it then.
func TestVyOSWaitsForTheClose(t *testing.T) {
	b := readable(t)
	w := newWatch(t, b.dir)
	for range 3 {
		for _, tc := range []struct {
			signal unix.Signal
			name   string
			whole  string
		}{
			{unix.SIGUSR1, "keepalived.data", `(?s)^------< Global definitions >------\n.*VRRP Topology.* VRRP Instance = VI_2\n.*\n$`},
			{unix.SIGUSR2, "keepalived.stats", `(?s)^VRRP Instance: VI_1\n.*VRRP Instance: VI_2\n.*    Sent: \d+\n$`},
			{signals.JSON, "keepalived.json", `^\[\{"data":\{"iname":"VI_1",.*\}\]$`},
		} {
			b.ask(tc.signal)
			closed := false
			b.until("the close of "+tc.name, func() bool {
				w.events(func(name string, mask uint32) {
					closed = closed || name == tc.name && mask&unix.IN_CLOSE_WRITE != 0
				})
				return closed
			})
			text, err := os.ReadFile(filepath.Join(b.dir, tc.name))
			if err != nil || !regexp.MustCompile(tc.whole).Match(text) {
				t.Errorf("%s: %v\n%s", tc.name, err, text)
			}
		}
	}
}

// TestAWatcherSeesWholeDumpsOnly, whatever the moment: a file that appears or is closed under the name of a
// dump is whole, and so is what somebody reads who does not wait, while signals come all the time.
func TestAWatcherSeesWholeDumpsOnly(t *testing.T) {
	b := readable(t)
	w := newWatch(t, b.dir)
	over := make(chan struct{})
	go func() {
		defer close(over)
		b.says(0, "for i in $(seq 100); do for s in 10 12 36 63; do "+
			"kill -$s $(cat /run/keepalived.pid); sleep 0.005; done; done")
	}()
	ends := map[string]string{"keepalived.data": "\n", "keepalived.stats": "\n", "keepalived.json": "}]"}
	read := make(map[string]int)
	look := func(name string) {
		text, err := os.ReadFile(filepath.Join(b.dir, name))
		if err != nil {
			return // nobody has asked for it yet
		}
		read[name]++
		if !bytes.HasSuffix(text, []byte(ends[name])) || !bytes.Contains(text, []byte("VI_2")) {
			t.Errorf("%s is not whole: %s", name, text)
		}
	}
	for done := false; !done; {
		select {
		case <-over:
			done = true
		default:
		}
		w.events(func(name string, mask uint32) {
			_, isDump := ends[name]
			switch {
			case isDump && mask&unix.IN_CREATE != 0:
				t.Errorf("%s is made empty", name)
			case isDump:
				look(name)
			case strings.HasPrefix(name, "keepalived.json"):
				t.Errorf("a reader that removes keepalived.json* would remove %s", name)
			}
		})
		for name := range ends {
			look(name)
		}
		time.Sleep(time.Millisecond) // others want the processor, too
	}
	t.Logf("read %v", read)
	if read["keepalived.stats"] < 50 {
		t.Error("it was hardly read")
	}
}

// TestExporterByJSON asks the version whether there is JSON, removes what is there, sends the signal and waits:
// 100 ms, or 10 ms and more up to 2 s.
func TestExporterByJSON(t *testing.T) {
	b := readable(t)
	b.says(0, "keepalived -v", "--enable-json")
	soonest := time.Hour
	var list []exported
	for range 5 {
		w := newWatch(t, b.dir)
		b.ask(signals.JSON)
		asked := time.Now()
		list = decode(t, b.await("keepalived.json"))
		soonest = min(soonest, time.Since(asked))
		unix.Close(w.fd)
	}
	if soonest > 100*time.Millisecond {
		t.Errorf("the dump took %v", soonest)
	}
	one, two := list[0].Data, list[1].Data
	if one.Name != "VI_1" || one.State != 2 || one.Wanted != 2 || one.Interface != "eth0" || one.VRID != 51 ||
		one.GARPDelay != 3 || one.Base != 100 || one.Effective != 120 || one.Last < 1.7e9 {
		t.Errorf("%+v", one)
	}
	if d := cmp.Diff([]string{"10.77.0.100/24 dev eth0 scope global set",
		"10.77.0.101/24 dev eth0 scope global label eth0:1 set"}, one.Addresses); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"10.77.0.150 dev eth0 scope global set"}, one.Excluded); d != "" {
		t.Error(d)
	}
	if two.State != 1 || two.Addresses[0] != "10.77.0.200/24 dev eth0 scope global" {
		t.Errorf("%+v", two)
	}
	for _, name := range strings.Fields("advert_rcvd advert_sent become_master release_master packet_len_err " +
		"advert_interval_err ip_ttl_err invalid_type_rcvd addr_list_err invalid_authtype authtype_mismatch auth_failure " +
		"pri_zero_rcvd pri_zero_sent") {
		if _, ok := list[0].Stats[name]; !ok {
			t.Errorf("there is no counter %s", name)
		}
	}
	if s := list[0].Stats; s["become_master"] != 1 || s["advert_sent"] == 0 {
		t.Errorf("%v", s)
	}
}

// TestExporterByText parses keepalived.data and keepalived.stats line by line. What it finds is what the JSON has.
func TestExporterByText(t *testing.T) {
	b := readable(t)
	b.ask(unix.SIGUSR1)
	b.ask(unix.SIGUSR2)
	b.ask(signals.JSON)
	data, scripts := parseData(string(b.await("keepalived.data")))
	stats := parseStats(string(b.await("keepalived.stats")))
	list := decode(t, b.await("keepalived.json"))
	states := []string{"INIT", "BACKUP", "MASTER", "FAULT"}
	if len(data) != len(list) || len(stats) != len(list) {
		t.Fatalf("%d instances in data, %d in stats, %d in JSON", len(data), len(stats), len(list))
	}
	for n, j := range list {
		want := block{
			"VRRP Instance": {j.Data.Name}, "State": {states[j.Data.State]}, "Wantstate": {states[j.Data.Wanted]},
			"Interface": {j.Data.Interface}, "Gratuitous ARP delay": {strconv.Itoa(j.Data.GARPDelay)},
			"Virtual Router ID": {strconv.Itoa(j.Data.VRID)}, "Virtual IP": j.Data.Addresses,
			"Virtual IP Excluded": j.Data.Excluded,
		}
		got := block{}
		for key, value := range want {
			if list, ok := data[n][key]; ok || value == nil {
				got[key] = list
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("instance %d (-JSON +data):\n%s", n, d)
		}
		keys := map[string]string{
			"Advertisements/Received": "advert_rcvd", "Became master": "become_master", "Released master": "release_master",
			"Packet Errors/Length": "packet_len_err", "Packet Errors/TTL": "ip_ttl_err",
			"Packet Errors/Invalid Type":           "invalid_type_rcvd",
			"Packet Errors/Advertisement Interval": "advert_interval_err",
			"Packet Errors/Address List":           "addr_list_err",
			"Authentication Errors/Invalid Type":   "invalid_authtype",
			"Authentication Errors/Type Mismatch":  "authtype_mismatch",
			"Authentication Errors/Failure":        "auth_failure",
			"Priority Zero/Received":               "pri_zero_rcvd",
			"Priority Zero/Sent":                   "pri_zero_sent",
		}
		for key, name := range keys {
			if v, ok := stats[n].counters[key]; !ok || v != j.Stats[name] {
				t.Errorf("instance %d: %s is %d (%v), in JSON %d", n, key, v, ok, j.Stats[name])
			}
		}
		if stats[n].name != j.Data.Name || stats[n].counters["Advertisements/Sent"] > j.Stats["advert_sent"] {
			t.Errorf("instance %d: %v, in JSON %v", n, stats[n], j.Stats)
		}
	}
	if d := cmp.Diff(map[string]string{"chk_ok": "GOOD", "chk_bad": "BAD"}, scripts["Status"]); d != "" {
		t.Error(d)
	}
	for name, state := range scripts["State"] {
		if state != "idle" && state != "running" {
			t.Errorf("script %s is %s", name, state)
		}
	}
	if d := cmp.Diff([]string{"chk_bad", "chk_ok"}, slices.Sorted(maps.Keys(scripts["State"]))); d != "" {
		t.Error(d)
	}
}

// block is an instance of keepalived.data: the values of its keys, and the lines of its lists.
type block map[string][]string

// parseData does as the exporter does: " = " separates, a line with less than three blanks ends the instance, and
// the addresses of a list have five and at least three words.
func parseData(text string) (list []block, scripts map[string]map[string]string) {
	var in block
	script, key := "", ""
	scripts = map[string]map[string]string{"Status": {}, "State": {}}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		indent := len(line) - len(strings.TrimLeft(line, " "))
		name, value, separated := strings.Cut(strings.TrimSpace(line), " = ")
		switch {
		case indent == 1 && name == "VRRP Instance":
			in, script, key = block{name: {value}}, "", ""
			list = append(list, in)
		case indent == 1 && name == "VRRP Script":
			in, script = nil, value
		case indent < 3:
			in, script = nil, ""
		case script != "" && scripts[name] != nil:
			scripts[name][script] = value
		case in != nil && indent == 3 && strings.HasPrefix(name, "Virtual IP Excluded"):
			key = "Virtual IP Excluded"
		case in != nil && indent == 3 && strings.HasPrefix(name, "Virtual IP ("):
			key = "Virtual IP"
		case in != nil && indent == 3:
			if key = ""; separated {
				in[name] = []string{value}
			}
		case in != nil && indent == 5 && key != "" && len(strings.Fields(name)) >= 3:
			in[key] = append(in[key], name)
		}
	}
	return list, scripts
}

type counted struct {
	name     string
	counters map[string]int
}

// parseStats does so with keepalived.stats: a line that ends with a colon is a section.
func parseStats(text string) (list []counted) {
	section := ""
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		n, err := strconv.Atoi(value)
		switch {
		case key == "VRRP Instance":
			list = append(list, counted{value, make(map[string]int)})
		case value == "":
			section = key + "/"
		case err == nil && strings.HasPrefix(line, "    "):
			list[len(list)-1].counters[section+key] = n
		case err == nil:
			list[len(list)-1].counters[key] = n
		}
	}
	return list
}

// TestReadersByRegularExpression are small scripts and agents that look for a few values.
func TestReadersByRegularExpression(t *testing.T) {
	b := readable(t)
	b.ask(unix.SIGUSR1)
	b.ask(unix.SIGUSR2)
	b.ask(signals.JSON)
	texts := map[string]string{}
	for _, name := range []string{"keepalived.data", "keepalived.stats", "keepalived.json"} {
		texts[name] = string(b.await(name))
	}
	for _, tc := range []struct{ name, expression, want string }{
		{"keepalived.data", `(?m)^ VRRP Instance = (\S+)$`, "VI_1 VI_2"},
		{"keepalived.data", `(?m)^   State = ([A-Z]+)$`, "MASTER BACKUP"},
		{"keepalived.data", `(?s)VRRP Instance = (?:\w+)\n(?:   [^\n]*\n)*?   State = (\w+)`, "MASTER BACKUP"},
		{"keepalived.data", `(?m)^\s+Interface = (\S+)$`, "eth0 eth0"},
		{"keepalived.data", `(?m)^\s+Virtual Router ID = (\d+)$`, "51 52"},
		{"keepalived.data", `(?m)^\s+Priority = (\d+)$`, "100 90"},
		{"keepalived.data", `(?m)^\s+Effective priority = (\d+)$`, "120 90"},
		{"keepalived.data", `(?m)^\s+Last transition = (\d{10})\.\d{6} \(.*\d{4}\)$`, "*"},
		{"keepalived.data", `VRRP Script = (\S+)`, "chk_ok chk_bad"},
		{"keepalived.data", `(?m)^\s+Status = (\w+)`, "GOOD BAD"},
		{"keepalived.stats", `VRRP Instance: (\S+)`, "VI_1 VI_2"},
		{"keepalived.stats", `Became master: (\d+)`, "1 0"},
		{"keepalived.stats", `Released master: (\d+)`, "0 0"},
		{"keepalived.stats", `(?s)Advertisements:\s+Received: (\d+)\s+Sent: \d+`, "0 0"},
		{"keepalived.json", `"state":(\d)`, "2 1"},
		{"keepalived.json", `"iname":"([^"]*)"`, "VI_1 VI_2"},
	} {
		var got []string
		for _, m := range regexp.MustCompile(tc.expression).FindAllStringSubmatch(texts[tc.name], -1) {
			got = append(got, m[1])
		}
		if g := strings.Join(got, " "); g != tc.want && (tc.want != "*" || len(got) != 2) {
			t.Errorf("%s in %s: %q, want %q", tc.expression, tc.name, g, tc.want)
		}
	}
	// One greps at once, so it reads the dump before this one, which is there whole.
	b.ask(unix.SIGUSR1)
	b.is("ls keepalived.data", "keepalived.data")
	b.says(0, "for i in $(seq 30); do kill -USR1 $(cat /run/keepalived.pid); "+
		"grep -A6 'VRRP Topology' keepalived.data | grep -q 'State = MASTER' || exit 1; done")
}

// TestNeutronFollowsTheAddress: its agent reads from "ip monitor" who is MASTER, starts the daemon again when that
// was killed, with all files of the one before still there, and ends it by the pid file.
func TestNeutronFollowsTheAddress(t *testing.T) {
	b := newBox(t)
	b.write("ha.conf", `vrrp_instance VR_1 {
    state BACKUP
    interface eth0
    virtual_router_id 1
    priority 50
    garp_master_delay 60
    nopreempt
    version 3
    advert_int 0.1
    track_interface {
        eth0
    }
    virtual_ipaddress {
        169.254.0.1/24 dev eth0
    }
    virtual_ipaddress_excluded {
        10.77.0.150/24 dev eth0
    }
    virtual_routes {
        198.51.100.0/24 dev eth0 scope link protocol static
    }
}
`)
	const start = "keepalived -P --use-file ha.conf --pid=UUID.pid --vrrp_pid UUID.pid-vrrp --log-detail"
	b.says(0, "ip -o monitor address > monitor 2>&1 & "+start+"; until grep -q '^[^D]*169.254.0.1/24' monitor; do "+
		"sleep 0.05; done; kill $!; ip -o route show 198.51.100.0/24; ip -o address show",
		"10.77.0.150/24", "198.51.100.0/24")
	b.says(0, "kill -9 $(cat UUID.pid)")
	b.is("ip -o address show to 169.254.0.1; pidof keepalived", "") // the worker has seen it
	before := b.says(0, "cat UUID.pid UUID.pid-vrrp")
	b.says(0, start)
	b.is("ip -o address show to 169.254.0.1 | wc -l", "1")
	if now := b.says(0, "cat UUID.pid UUID.pid-vrrp; kill -0 $(cat UUID.pid) $(cat UUID.pid-vrrp)"); now == before {
		t.Errorf("the pid files are still %q", now)
	}
	b.says(0, "kill -15 $(cat UUID.pid)")
	b.is("ls UUID.* 2>/dev/null; pidof keepalived; ip -o address show to 169.254.0.1", "")
}

// TestKubeKeepalivedVIPWaitsForThePidFile of the VRRP process, which is its health check.
func TestKubeKeepalivedVIPWaitsForThePidFile(t *testing.T) {
	b := newBox(t)
	b.says(0, "keepalived --dont-fork --log-console --release-vips --log-detail --use-file k.conf 2>/dev/null & "+
		"until [ -s /var/run/vrrp.pid ]; do sleep 0.05; done; kill -0 $(cat /var/run/vrrp.pid) && kill $!; wait $!; "+
		"ls /var/run/vrrp.pid 2>/dev/null | wc -l", "0")
}
