package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBadInputOfChecks: what cannot work is one line of director check, which names the keyword and
// where it stands, and with strict_config it is an error.
func TestBadInputOfChecks(t *testing.T) {
	const place = "[10.0.0.100]:tcp:80, real server [10.1.0.11]:tcp:80: "
	url := func(lines string) string { return "HTTP_GET {\nurl {\npath /\n" + lines + "\n}\n}" }
	for _, test := range []struct {
		name string
		// before is at the top, check in the real server.
		before, check string
		host          bool   // it is this host that says so
		about         string // all lines that have it are one
		want          string // from the line of the file on
		note          bool   // not an error with strict_config: keepalived says nothing of it either
	}{
		{name: "a regex that needs PCRE", check: url(`regex "(?=x)y"`), about: "(?=",
			want: "9:1: warning: regex: (?= in the pattern is not supported (looking ahead): the check cannot be made, and " +
				"the real server counts as up"},
		{name: "a digest of a wrong length", check: url("digest 0123"), about: "digest",
			want: "9:8: warning: the digest has 4 characters and must have 32 hexadecimal digits: it is ignored, and pages " +
				"are not compared with it"},
		{name: "a digest with other characters", check: url("digest 0123456789abcdef0123456789abcdez"), about: "digest",
			want: "9:8: warning: the digest has 32 characters and must have 32 hexadecimal digits: it is ignored, and pages " +
				"are not compared with it"},
		{name: "a script that is not there", check: "MISC_CHECK {\nmisc_path \"/no/such/script x\"\n}", host: true,
			about: "/no/such", want: "7:1: warning: " + place + "misc_path: stat /no/such/script: no such file or directory"},
		{name: "a script that is not there, of many checks", check: "MISC_CHECK {\nmisc_path \"/no/such/script x\"\n}\n" +
			"MISC_CHECK {\nmisc_path \"/no/such/script y\"\n}\nMISC_CHECK {\nmisc_path \"/no/such/script z\"\n}",
			host: true, about: "/no/such", want: "7:1: warning: " + place + "misc_path: stat /no/such/script: no such file or " +
				"directory (and 2 more checks)"},
		{name: "a script that others can replace", before: "global_defs {\nenable_script_security\nscript_user root\n}",
			check: "MISC_CHECK {\nmisc_path PROGRAM\n}", host: true, about: "it is not run",
			want: "11:1: warning: " + place + "misc_path: it is not run: "},
		{name: "a script of a real server", check: "notify_down /no/such/script", host: true, about: "/no/such",
			want: "6:1: warning: " + place + "notify_down: stat /no/such/script: no such file or directory"},
		{name: "a DNS name that is none", check: "DNS_CHECK {\nname a..b\n}", about: "domain name",
			want: `6:1: warning: "a..b" is no domain name: DNS_CHECK cannot be made`},
		{name: "a path with blanks", check: "HTTP_GET {\nurl {\npath \"/a b\"\n}\n}", about: "path", note: true,
			want: `7:1: note: path "/a b" is sent as it is: most servers refuse a path that does not begin with / or has blanks`},
		{name: "more words after a path", check: "HTTP_GET {\nurl {\npath /a b\n}\n}", about: "path", note: true,
			want: `8:9: note: "b" and what follows it are ignored: path takes no more words`},
		{name: "line breaks in a header", check: url("headers {\nX-A \"a\rX-B: c\"\n}"), about: "header",
			want: "10:1: warning: header X-A has a line break or another control character: the line is ignored"},
		{name: "port 0", check: "TCP_CHECK {\nconnect_port 0\n}", about: "connect_port",
			want: "7:14: warning: connect_port 0 is outside of 1 to 65535: it is ignored"},
		{name: "a certificate that is missing", before: "SSL {\nca /etc/hosts\ncertificate /no/such/cert\nkey /etc/hosts\n}",
			check: "SSL_GET {\nurl {\npath /\n}\n}", host: true, about: "/no/such",
			want: "3:1: warning: SSL: certificate: open /no/such/cert: no such file or directory: SSL_GET cannot be made"},
		{name: "authorities that are missing", check: "SSL_GET {\nverify\nverify_ca /no/such/ca\nurl {\npath /\n}\n}",
			host: true, about: "/no/such", want: "8:1: warning: " + place + "verify_ca: open /no/such/ca: no such file or " +
				"directory: the check cannot be made"},
		{name: "a track_file that is not configured", check: "FILE_CHECK {\ntrack_file nothing\n}", about: "track_file",
			want: "6:1: warning: track_file nothing of FILE_CHECK is not defined: the check always fails"},
		{name: "a tracked file that is missing", before: "track_file f {\nfile /no/such/file\n}",
			check: "FILE_CHECK {\ntrack_file f\n}", host: true, about: "/no/such", note: true,
			want: "2:1: note: track_file f: stat /no/such/file: no such file or directory: its value is 0 until there is one"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			program := filepath.Join(dir, "program")
			if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			text := test.before + "\nvirtual_server 10.0.0.100 80 {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n" +
				"real_server 10.1.0.11 80 {\n" + test.check + "\n}\n}\n"
			file := filepath.Join(dir, "lb.conf")
			text = strings.ReplaceAll(text, "PROGRAM", program)
			if test.before == "" {
				text = text[1:]
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			check := func(strict bool) (lines []string) {
				args := []string{"check"}
				if test.host {
					args = append(args, "--host")
				}
				if strict {
					args = append(args, "--strict")
				}
				var out, said strings.Builder
				run(append(args, file), &out, &said, nil)
				for line := range strings.Lines(said.String()) {
					line, here := strings.CutPrefix(strings.TrimSpace(line), file+":")
					if here && strings.Contains(line, test.about) {
						lines = append(lines, line)
					}
				}
				return lines
			}
			want := test.want
			if lines := check(false); len(lines) != 1 || !strings.HasPrefix(lines[0], want) {
				t.Errorf("said\n%s\nwant one line\n%s", strings.Join(lines, "\n"), want)
			}
			if !test.note {
				want = strings.Replace(want, " warning: ", " error: ", 1)
			}
			if lines := check(true); len(lines) != 1 || !strings.HasPrefix(lines[0], want) {
				t.Errorf("strictly said\n%s\nwant one line\n%s", strings.Join(lines, "\n"), want)
			}
		})
	}
}

// TestProbeOfWhatIsNotConfigured: one line, and a status of its own.
func TestProbeOfWhatIsNotConfigured(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lb.conf")
	text := "virtual_server 10.0.0.100 80 {\nreal_server 10.1.0.11 80 {\nTCP_CHECK {\n}\n}\n}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{{"10.0.0.99:80"}, {"10.0.0.100:80", "10.1.0.99:80"}, {"nothing"}} {
		var out, said strings.Builder
		status := run(append([]string{"probe", "-f", file}, words...), &out, &said, nil)
		if status != probeUnknown || strings.Count(said.String(), "\n") != 1 || out.Len() > 0 ||
			!strings.Contains(said.String(), words[len(words)-1]) {
			t.Errorf("%v: status %d, said %q and %q", words, status, said.String(), out.String())
		}
	}
}
