"""What is measured: functions that build a `case.Case`."""
