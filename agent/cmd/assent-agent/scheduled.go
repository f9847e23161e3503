package main

import (
	"encoding/binary"
	"encoding/xml"
	"strings"
	"unicode/utf16"
)

// reapArgs is what the reaper is told where the system runs it at its start.
func reapArgs(data string) []string { return []string{"reap", "--boot", "--data", data} }

// reapTask is the definition of the task of Windows that takes back at the machine's
// start what was left, also without the service. What is not said would be as the
// scheduler has it: not on a battery, ended after three days, and with less than the
// usual priority. The form is that of [MS-TSCH] 2.5, Task Scheduler 1.2.
func reapTask(exe, arguments string) string {
	var program, line strings.Builder
	_ = xml.EscapeText(&program, []byte(exe)) // a builder takes everything
	_ = xml.EscapeText(&line, []byte(arguments))
	return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Author>Assent</Author>
    <Description>Takes back at the start of the machine what Assent had granted and was not taken back before.</Description>
  </RegistrationInfo>
  <Triggers>
    <BootTrigger>
      <Enabled>true</Enabled>
    </BootTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>S-1-5-18</UserId>
      <RunLevel>HighestAvailable</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>4</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>` + program.String() + `</Command>
      <Arguments>` + line.String() + `</Arguments>
    </Exec>
  </Actions>
</Task>
`
}

// wide is a text as files of Windows have it: two bytes a unit, the lower one first,
// after a mark that says so.
func wide(text string) []byte {
	raw := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		raw = binary.LittleEndian.AppendUint16(raw, unit)
	}
	return raw
}
