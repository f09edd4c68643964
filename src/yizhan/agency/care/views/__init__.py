"""The pages of care, one module for each subject: window, visit, lines, bill, settled, resettlements, dues, arrears, paper."""
