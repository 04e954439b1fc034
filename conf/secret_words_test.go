package conf_test

import (
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
)

func TestMaskURL(t *testing.T) {
	for url, want := range map[string]string{
		"/": "/", "/a/b": "/a/b", "": "", "/a?": "/a?", "/a?token=1": "/a?********", "/a@b": "/a@b", "//": "//",
		"/a?b?c#d":                   "/a?********",
		"http://u:p@h:80/x?y=1":      "http://********@h:80/x?********",
		"https://h/p":                "https://h/p",
		"//u:p@h/":                   "//********@h/",
		"http://u@p@h/":              "http://********@h/",
		"/redirect?to=http://u:p@h/": "/redirect?********",
	} {
		if got := conf.MaskURL(url); got != want {
			t.Errorf("MaskURL(%q) is %q, want %q", url, got, want)
		}
	}
}

// secretCommands are commands with the secret S3CRET, and what is shown of them.
var secretCommands = map[string]string{
	"/usr/bin/check --port 80 -w 5":                     "/usr/bin/check --port 80 -w 5",
	"/bin/check --password S3CRET -v":                   "/bin/check --password ******** -v",
	"/bin/check --password=S3CRET -v":                   "/bin/check --password=******** -v",
	"/bin/check --password=ab//S3CRET":                  "/bin/check --password=********",
	"TOKEN=S3CRET//y /bin/check":                        "TOKEN=******** /bin/check",
	"mysql -pS3CRET//B":                                 "mysql -p********",
	"curl -ume:S3CRET//w h":                             "curl -ume:******** h",
	`curl -H "Authorization: token S3CRET" h`:           `curl -H "Authorization: ********" h`,
	`curl -H 'Cookie: a=1; session=S3CRET' h`:           `curl -H 'Cookie: ********' h`,
	`/bin/x "Password: S3CRET words"`:                   `/bin/x "Password: ********"`,
	"/bin/x -X http://me:S3CRET@h/?a":                   "/bin/x -X http://********@h/?********",
	`/bin/check --password "S3CRET two" -v`:             `/bin/check --password "********" -v`,
	"API_TOKEN=S3CRET /bin/check x":                     "API_TOKEN=******** /bin/check x",
	"/bin/check token S3CRET":                           "/bin/check token ********",
	"curl -u me:S3CRET http://h/":                       "curl -u me:******** http://h/",
	"curl -ume:S3CRET h":                                "curl -ume:******** h",
	"curl http://me:S3CRET@h/x?y=S3CRET":                "curl http://********@h/x?********",
	`curl -H "Authorization: Bearer S3CRET" h`:          `curl -H "Authorization: Bearer ********" h`,
	`curl -H 'X-Api-Key: S3CRET' h`:                     `curl -H 'X-Api-Key: ********' h`,
	`curl -H X-Api-Key:S3CRET h`:                        `curl -H X-Api-Key:******** h`,
	"mysql -uroot -pS3CRET -e 'select 1'":               "mysql -uroot -p******** -e 'select 1'",
	"/usr/bin/redis-cli -a S3CRET ping":                 "/usr/bin/redis-cli -a ******** ping",
	"sshpass -p S3CRET ssh h":                           "sshpass -p ******** ssh h",
	"/bin/check -p 80":                                  "/bin/check -p 80",
	"/bin/check --password-file /etc/secret.txt":        "/bin/check --password-file /etc/secret.txt",
	`/bin/sh -c "echo S3; mysql -pS3CRET"`:              `/bin/sh -c "echo S3; mysql -p********"`,
	`/bin/sh -c 'PASS="S3CRET x" run'`:                  `/bin/sh -c 'PASS=******** run'`,
	"snmpget -v2c -c S3CRET h":                          "snmpget -v2c -c ******** h",
	"/bin/check --password":                             "/bin/check --password",
	"":                                                  "",
	"/bin/x --auth Basic S3CRET":                        "/bin/x --auth Basic ********",
	`/bin/x "Authorization:Basic S3CRET"`:               `/bin/x "Authorization:Basic ********"`,
	`/bin/x --passphrase 'S3CRET`:                       `/bin/x --passphrase ********`,
	"/etc/keepalived/notify.sh INSTANCE VI_1 MASTER 50": "/etc/keepalived/notify.sh INSTANCE VI_1 MASTER 50",
}

func TestMaskCommand(t *testing.T) {
	for command, want := range secretCommands {
		got := conf.MaskCommand(command)
		if got != want {
			t.Errorf("MaskCommand(%q) is %q, want %q", command, got, want)
		}
		if again := conf.MaskCommand(got); again != got {
			t.Errorf("masked twice, %q is %q", command, again)
		}
	}
	got := strings.Join(conf.MaskArguments([]string{"/bin/sh", "-c", "mysql -pS3CRET", "--key", "S3 CRET", "", "-"}), "|")
	if want := "/bin/sh|-c|mysql -p********|--key|********||-"; got != want {
		t.Errorf("MaskArguments gives %q, want %q", got, want)
	}
}

// FuzzMaskCommand: no text makes it panic, and a secret that is announced is never shown.
func FuzzMaskCommand(f *testing.F) {
	for command := range secretCommands {
		f.Add(command)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = conf.MaskCommand(text)
		if got := conf.MaskArguments([]string{text, "--password", "S3CRET"}); strings.Contains(got[2], "S3CRET") {
			if !strings.Contains(strings.ToLower(text), "bearer") {
				t.Errorf("%q shows a password: %q", text, got)
			}
		}
	})
}
