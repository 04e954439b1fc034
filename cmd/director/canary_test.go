package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/load/keyword"
)

// A canary is a value of its own in each keyword that may have a secret, made from the keyword
// tables: one that is added there is in these tests by itself.

// canaryText finds canaries, as they are and in hexadecimal digits.
var canaryText = regexp.MustCompile(`(?i)cnry([0-9]{4})|636e7279((?:3[0-9]){4})`)

// inFile is the keyword whose secret is in a file.
const inFile = "actions token"

// canaries is a configuration with a canary in each keyword.
type canaries struct {
	text  string
	names []string // of keywords; the canary of names[i] is first+i
	first int
}

// plantCanaries makes one; those of different generations are different ones.
func plantCanaries(t *testing.T, generation int) canaries {
	t.Helper()
	c := canaries{first: 1000 * (generation + 1)}
	lines := map[string]string{} // of each block
	for _, k := range keyword.Keywords() {
		if k.Secret == "" || k.AliasOf != "" {
			continue
		}
		canary := fmt.Sprintf("cnry%04d", c.first+len(c.names))
		c.names = append(c.names, k.Block+" "+k.Name)
		lines[k.Block] += canaryLine(k, canary) + "\n"
	}
	used := map[string]bool{}
	place := func(blocks ...string) (text string) {
		for _, b := range blocks {
			used[b] = true
			text += lines[b]
		}
		return text
	}
	kinds := ""
	for _, kind := range []conf.CheckKind{conf.AgentCheck, conf.QueryCheck, conf.UDPCheck, conf.MiscCheck} {
		kinds += string(kind) + " {\n" + place(string(kind)) + "}\n"
	}
	for _, kind := range []conf.CheckKind{conf.HTTPGet, conf.SSLGet} {
		kinds += string(kind) + " {\nconnect_timeout 1\nconnect_port 9\nurl {\nstatus_code 200\n" +
			place("url") + "}\n" +
			fmt.Sprintf("url {\npath /second?cnry%d\n}\n", c.first) + place(string(kind)) + "}\n"
	}
	instance := func(name string, vrid int, more string) string {
		return fmt.Sprintf("vrrp_instance %s {\ninterface eth0\nvirtual_router_id %d\nadvert_int 1\n"+
			"virtual_ipaddress {\n10.77.0.%d\n}\n%s}\n", name, vrid, vrid, more)
	}
	fifos, dir := "", t.TempDir()
	// The token stands in a file: nobody else may have it in a configuration.
	token := filepath.Join(dir, "token")
	canary := fmt.Sprintf("cnry%04d", c.first+slices.Index(c.names, inFile))
	if err := os.WriteFile(token, []byte(strings.Repeat(canary, 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	used["actions"] = true
	for _, name := range []string{"notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo"} {
		fifos += name + " " + dir + "/" + name + "\n"
	}
	c.text = place("") + "global_defs {\n" + fifos + place("global_defs") + "process_names\n}\n" +
		"web {\nlisten unix:" + dir + "/web\nactions {\ntoken file:" + token + " alice\n}\n}\n" +
		"SSL {\n" + place("SSL") + "}\npeer 192.0.2.2 9 {\nlisten 127.0.0.1\n" + place("peer") + "}\n" +
		"vrrp_script S {\ninterval 1\n" + place("vrrp_script") + "}\n" +
		"bfd_instance B {\nneighbor_ip 127.0.0.1\n" + place("bfd_instance") + "}\n" +
		"vrrp_track_process P {\n" + place("vrrp_track_process") + "}\n" +
		instance("VI_1", 101, "version 2\ntrack_script {\nS weight 1\n}\ntrack_process {\nP weight 1\n}\n"+
			"authentication {\nauth_type PASS\n"+place("authentication")+"}\n"+place("vrrp_instance")) +
		instance("VI_2", 102, "version 3\nauth_hmac {\n"+place("auth_hmac")+"active_key 1\n}\n") +
		"vrrp_sync_group G {\ngroup {\nVI_1\nVI_2\n}\n" + place("vrrp_sync_group") + "}\n" +
		"virtual_server 10.77.0.101 80 {\nlvs_sched rr\nlvs_method NAT\nprotocol TCP\ndelay_loop 1\n" +
		place("virtual_server") + "real_server 10.77.0.1 9 {\n" + place("real_server") + kinds + "}\n}\n"
	for block := range lines {
		if !used[block] {
			t.Errorf("the block %q has secrets, and no place in this test", block)
		}
	}
	return c
}

// canaryLine is a keyword with a canary.
func canaryLine(k keyword.Keyword, canary string) string {
	switch {
	case k.Name == "auth_pass":
		return "auth_pass " + canary // of eight characters, the most that it may have
	case k.Name == "key" && k.Block == "peer":
		return "key hex:" + hex.EncodeToString([]byte(strings.Repeat(canary, 4)))
	case k.Name == "meticulous_sha1":
		return "meticulous_sha1 1 " + canary
	case k.Name == "key":
		return "key 1 " + strings.Repeat(canary, 4)
	case k.Name == "payload":
		return "payload " + hex.EncodeToString([]byte(canary))
	case k.Name == "headers":
		return "headers {\nX-Any " + canary + "\nAuthorization \"Bearer " + canary + "\"\n}"
	case k.Name == "steps":
		return "steps {\nsend \"" + canary + "\\r\\n\"\nexpect \"^ok\"\n}"
	case k.Secret == "the query, and the user with his password":
		return k.Name + " //user:" + canary + "@host/a?token=" + canary
	case k.Name == "process":
		return "process /bin/none --password " + canary
	case k.Secret == "arguments that look like a secret":
		return k.Name + ` "/bin/false --password ` + canary + ` -u user:` + canary + ` TOKEN=` + canary + ` http://u:` + canary +
			`@h/?` + canary + `"`
	}
	return k.Name + " " + canary
}

// shows fails for each canary that a text has.
func (c canaries) shows(t *testing.T, where, text string) {
	t.Helper()
	var found []string
	for _, m := range canaryText.FindAllStringSubmatch(text, -1) {
		digits := m[1]
		if digits == "" {
			raw, _ := hex.DecodeString(m[2])
			digits = string(raw)
		}
		var n int
		_, _ = fmt.Sscan(digits, &n)
		name := m[0]
		if i := n % 1000; i < len(c.names) {
			name = c.names[i]
		}
		if !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	for _, name := range found {
		at := canaryText.FindStringIndex(text)
		t.Errorf("%s shows the secret of %q, such as in %q", where, name, text[max(0, at[0]-120):min(len(text), at[1]+20)])
	}
}

// TestCanariesArePlanted: each canary is in the configuration that is made of the text, or the
// searches of the other tests would prove nothing.
func TestCanariesArePlanted(t *testing.T) {
	c := plantCanaries(t, 0)
	cfg, findings := load.LoadText("canary.conf", c.text, load.Options{})
	if conf.HasErrors(findings) {
		t.Fatal(findings)
	}
	for _, f := range findings {
		if f.Severity == conf.Warning && !strings.Contains(f.Message, "own keyword") {
			t.Log(f)
		}
	}
	kept := strings.ToLower(everyString(cfg))
	for i, name := range c.names {
		canary := fmt.Sprintf("cnry%04d", c.first+i)
		if name != inFile && !strings.Contains(kept, canary) && !strings.Contains(kept, hex.EncodeToString([]byte(canary))) {
			t.Errorf("the canary of %q is not in the configuration", name)
		}
	}
	if len(c.names) < 30 {
		t.Errorf("only %d keywords have a secret: %q", len(c.names), c.names)
	}
}
