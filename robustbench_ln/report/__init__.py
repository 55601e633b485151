"""The report: one offline HTML page and one CSV file from all that a store holds."""
