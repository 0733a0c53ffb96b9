"""What has to be mended, by whom and until when."""
