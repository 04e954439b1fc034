package commandline

import "github.com/lvs-director/director/conf"

// Exit statuses of -t. The manual of keepalived 2.4 has more; callers test for 0 only.
const (
	TestGood     = 0
	TestConfig   = 5 // a keyword that is unknown, a number out of range, an interface that is not there
	TestSecurity = 6 // scripts run without enable_script_security
)

// silent are the codes of findings that director alone has.
var silent = map[string]bool{"unreachable": true, "no-configuration": true}

// insecure are the codes of findings about who may run a script.
var insecure = map[string]bool{"script-security": true, "unsafe-program": true}

// ofHost are the codes of findings about this host with which keepalived fails, too. All
// others (no IPVS yet, no address yet) may be different when the daemon starts.
var ofHost = map[string]bool{
	"no-interface": true, "no-program": true, "no-user": true, "no-group": true, "no-namespace": true,
	"unsafe-program": true,
}

// TestStatus is the exit status of -t for what was found in a file, and on this host. Scripts
// without enable_script_security decide it whatever else is found, but what keepalived ends at.
func TestStatus(file, host []conf.Finding, dynamicInterfaces bool) int {
	status := TestGood
	for _, f := range Failing(file, host, dynamicInterfaces) {
		switch {
		case f.Severity == conf.Error:
			return TestConfig
		case insecure[f.Code]:
			status = TestSecurity
		case status == TestGood:
			status = TestConfig
		}
	}
	return status
}

// Failing are the findings with which -t fails.
func Failing(file, host []conf.Finding, dynamicInterfaces bool) (list []conf.Finding) {
	for _, f := range file {
		// A word that this version does not act on is good for keepalived.
		if f.Severity == conf.Error || f.Severity == conf.Warning && !silent[f.Code] && !f.Unserved {
			list = append(list, f)
		}
	}
	for _, f := range host {
		if f.Severity != conf.Note && ofHost[f.Code] && !(dynamicInterfaces && f.Code == "no-interface") {
			list = append(list, f)
		}
	}
	return list
}
