"""The same folder, serverless: functions, template, and what deploys and runs them."""
